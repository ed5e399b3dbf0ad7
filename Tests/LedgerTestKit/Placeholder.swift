// LedgerTestKit

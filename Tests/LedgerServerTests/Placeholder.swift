// LedgerServerTests

// LedgerProtocolTests

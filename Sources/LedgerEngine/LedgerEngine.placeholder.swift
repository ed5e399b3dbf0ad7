// LedgerEngine

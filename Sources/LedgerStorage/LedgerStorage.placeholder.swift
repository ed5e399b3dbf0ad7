// LedgerStorage

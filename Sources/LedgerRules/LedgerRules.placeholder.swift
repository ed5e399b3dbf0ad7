// LedgerRules

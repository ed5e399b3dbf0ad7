// LedgerREPL

// LedgerREPLTests

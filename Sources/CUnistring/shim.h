#include <unicase.h>
#include <uninorm.h>
#include <unictype.h>

// The header's own name for it is the address of a variable, which Swift does not import.
static inline uninorm_t florin_nfc(void) { return UNINORM_NFC; }

/// An entry of the catalogue.
struct Space: Recordable, Equatable {
    var space = SpaceAdd.blank
    var creator = PassportOrdinal.none
    var created = Timestamp.distantPast
    var lsn = LSN.none

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try space.code(with: &c)
        try c.passport(&creator)
        try c.time(&created)
        try c.lsn(&lsn)
    }
}

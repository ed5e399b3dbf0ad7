extension Event: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {}
}

extension Event {
    /// Reads one journaled event. Every byte must belong to it.
    package init(decoding bytes: UnsafeRawBufferPointer) throws(StateError) { throw StateError("not built") }
}

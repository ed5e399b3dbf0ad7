internal import CIntrinsics

/// What is large goes back to the system when it is freed, snapshots' buffers above all. Unless it is told so, the
/// allocator learns from the first large one to keep up to 64 MiB for the next. Once, when the process begins.
package func returnLargeMemory() { _ = florin_own_pages_from(1 << 20) }

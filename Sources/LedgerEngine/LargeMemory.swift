internal import CIntrinsics

/// What is large goes back to the system when it is freed, snapshots' buffers above all. Unless it is told so, the
/// allocator learns from the first large one to keep up to 64 MiB for the next. Once, when the process begins.
package func returnLargeMemory() { _ = florin_own_pages_from(1 << 20) }

/// Gives the system what was freed and is still kept, of all threads. Takes a second for some gigabytes, and holds up
/// whoever allocates from the same place meanwhile: behind the end of something large.
package func returnFreeMemory() { florin_trim() }

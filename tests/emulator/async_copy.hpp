// cp.async: the bytes move when the thread waits for them, not before; until then the destination is poison.
#pragma once

namespace sirfp::emulator {

void copy_async(void* shared, const void* global, int bytes, int size);
void commit_copies();
void wait_for_copies(int pending_groups);

}  // namespace sirfp::emulator

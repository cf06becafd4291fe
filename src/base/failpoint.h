#pragma once

namespace imrelay {

// A step that a crash must not break: a test may have the process killed (SIGKILL) when it passes
// here. In the builds for tests it looks for the file that the environment variable
// IMRELAY_FAILPOINT names: where its text is this `name`, the file is removed, which one process
// alone can do, and the process ends. In every other build it is nothing.
// `name` is a literal, "room.step"; tests/chaos finds all of them by it. Thread-safe.
#ifdef IMRELAY_FAILPOINTS
void Failpoint(const char* name);
#else
inline void Failpoint(const char* /*name*/) {}
#endif

}  // namespace imrelay

#pragma once

#include <cstddef>
#include <vector>

namespace imrelay {

// How many bytes each comparison in constant time had since the last call, in order, in all
// threads. Only in programs that are linked with -Wl,--wrap=sodium_memcmp.
std::vector<std::size_t> TakeComparisons();

}  // namespace imrelay

# Every room under src/ is one static library, imrelay_<room>. What a room may include is written in
# scripts/layers.txt; the check below fails the build on any other include.

add_library(imrelay_build INTERFACE)
target_compile_options(imrelay_build INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wcast-align -Wnull-dereference -fno-omit-frame-pointer
  -fstack-protector-strong)
target_compile_definitions(imrelay_build INTERFACE
  $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
target_link_options(imrelay_build INTERFACE -Wl,-z,relro,-z,now)
target_link_libraries(imrelay_build INTERFACE Threads::Threads)
if(IMRELAY_SANITIZE)
  # Not optimised, it compiles in half the time; what runs for long is.
  set(optimised -O1)
  if(IMRELAY_TESTS AND IMRELAY_SANITIZE MATCHES "address")
    set(optimised -O0)
  endif()
  target_compile_options(imrelay_build INTERFACE
    -fsanitize=${IMRELAY_SANITIZE} -fno-sanitize-recover=all ${optimised} -g1 -Wno-null-dereference)
  target_link_options(imrelay_build INTERFACE -fsanitize=${IMRELAY_SANITIZE})
  target_compile_definitions(imrelay_build INTERFACE IMRELAY_SANITIZED=1)
endif()
# Where a test may kill the process; see base/failpoint.h. Never in what users run.
if(IMRELAY_TESTS)
  target_compile_definitions(imrelay_build INTERFACE IMRELAY_FAILPOINTS=1)
endif()
# Test programs, after imrelay_build: what they test is instrumented whole, and their own code only
# for addresses, because doctest's macros take three times as long otherwise.
add_library(imrelay_test_build INTERFACE)
if(IMRELAY_SANITIZE MATCHES "address")
  target_compile_options(imrelay_test_build INTERFACE -fno-sanitize=undefined)
endif()
if(IMRELAY_FUZZ)
  target_compile_options(imrelay_build INTERFACE
    "-fsanitize-ignorelist=${PROJECT_SOURCE_DIR}/tests/fuzz/ignored.txt")
endif()

add_custom_target(imrelay_layers
  COMMAND sh "${PROJECT_SOURCE_DIR}/scripts/check_layers" "${PROJECT_SOURCE_DIR}"
  COMMENT "Checking that rooms include only what scripts/layers.txt allows"
  VERBATIM)

# imrelay_room(NAME SOURCES a.cc … [ROOMS base …] [LIBRARIES PkgConfig::x …])
# ROOMS are linked publicly, because headers name their types; LIBRARIES privately, because vendor
# headers stay inside .cc files.
function(imrelay_room name)
  cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "" "SOURCES;ROOMS;LIBRARIES")
  add_library(imrelay_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(imrelay_${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
  list(TRANSFORM ROOM_ROOMS PREPEND imrelay_)
  target_link_libraries(imrelay_${name}
    PUBLIC ${ROOM_ROOMS}
    PRIVATE imrelay_build ${ROOM_LIBRARIES})
  add_dependencies(imrelay_${name} imrelay_layers)
endfunction()

# imrelay_test(ROOM SOURCES a_test.cc … [ROOMS more …] [LIBRARIES …]): one test program a room.
function(imrelay_test room)
  cmake_parse_arguments(PARSE_ARGV 1 TEST "" "" "SOURCES;ROOMS;LIBRARIES")
  list(TRANSFORM TEST_ROOMS PREPEND imrelay_)
  add_executable(${room}_test ${TEST_SOURCES} "${PROJECT_SOURCE_DIR}/tests/main.cc")
  target_include_directories(${room}_test PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_definitions(${room}_test PRIVATE
    IMRELAY_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  target_link_libraries(${room}_test
    PRIVATE imrelay_${room} ${TEST_ROOMS} imrelay_build ${TEST_LIBRARIES} imrelay_test_build)
  add_test(NAME ${room} COMMAND ${room}_test)
endfunction()

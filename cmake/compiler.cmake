find_program(CCACHE ccache)
if(CCACHE)
  # ccache does not take sources with a precompiled header unless it may trust that header's macros and has it without
  # the time of its making: else an equal header made anew is another one, and half of all calls are compiled again.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wconversion -Wno-sign-conversion -Werror
                    -fno-omit-frame-pointer
                    # What nobody calls is left out of programs that are linked with --gc-sections.
                    -ffunction-sections -fdata-sections)
add_link_options(-fuse-ld=lld)
if(ENTROPY_SANITIZE)
  add_compile_options(-fsanitize=address)
  add_link_options(-fsanitize=address,undefined)
endif()
if(ENTROPY_TSAN)
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
endif()

# UBSan as well, but not where Boost is instantiated: both together make such a source compile several times as long, and
# optimizing it takes longer than all tests of it. Without what ASan says anyway: accesses through null, or beyond an object.
function(entropy_sanitize target uses_boost)
  if(ENTROPY_SANITIZE AND uses_boost)
    target_compile_options(${target} PRIVATE -O0)
  elseif(ENTROPY_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=undefined -fno-sanitize=null,object-size -fno-sanitize-recover=all)
  endif()
endfunction()

# entropy_library(name [BOOST] [PRECOMPILE header] SOURCES... DEPENDS libs...): the static library `entropy_<name>`,
# headers found as "name/x.hpp". BOOST: its sources use Boost, so that the precompiled header pays; PRECOMPILE: one of
# its own instead, with more.
function(entropy_library name)
  cmake_parse_arguments(ARG "BOOST" "PRECOMPILE" "SOURCES;DEPENDS" ${ARGN})
  add_library(entropy_${name} STATIC ${ARG_SOURCES})
  target_include_directories(entropy_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(entropy_${name} PUBLIC ${ARG_DEPENDS})
  entropy_sanitize(entropy_${name} ${ARG_BOOST})
  if(ARG_BOOST)
    target_link_libraries(entropy_${name} PUBLIC entropy_boost)
  endif()
  if(ARG_PRECOMPILE)
    target_precompile_headers(entropy_${name} PRIVATE ${ARG_PRECOMPILE})
  elseif(ARG_BOOST)
    target_precompile_headers(entropy_${name} REUSE_FROM entropy_pch)
  endif()
endfunction()

# All test programs, without the programs that they do not need.
add_custom_target(entropy_tests)

# entropy_test(name [BOOST] [OPTIMIZED] SOURCES... DEPENDS libs... LABELS labels... [SHARDS n]): one GoogleTest program,
# known to ctest as <name>; with SHARDS as n tests, each of a share of its cases, which may run beside each other (ctest -j).
# Its own sources are compiled without optimization, in half the time, unless OPTIMIZED: they run for longer than that
# saves. What it tests is as it is shipped.
function(entropy_test name)
  cmake_parse_arguments(ARG "BOOST;OPTIMIZED" "SHARDS" "SOURCES;DEPENDS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set(pch entropy_pch)
  if(NOT ARG_OPTIMIZED)
    target_compile_options(${name} PRIVATE -O0)
    set(pch entropy_test_pch)
  endif()
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} GTest::gmock GTest::gtest_main)
  entropy_sanitize(${name} ${ARG_BOOST})
  if(ARG_BOOST)
    target_precompile_headers(${name} REUSE_FROM ${pch})
  elseif(NOT ARG_OPTIMIZED)
    target_precompile_headers(${name} REUSE_FROM entropy_gtest_pch)
  endif()
  add_dependencies(entropy_tests ${name})
  if(NOT ARG_SHARDS)
    set(ARG_SHARDS 1)
  endif()
  foreach(shard RANGE 1 ${ARG_SHARDS})
    set(test ${name})
    if(ARG_SHARDS GREATER 1)
      set(test ${name}_${shard})
    endif()
    math(EXPR index "${shard} - 1")
    add_test(NAME ${test} COMMAND ${name})
    set_tests_properties(${test} PROPERTIES TIMEOUT 300 LABELS "${ARG_LABELS}"
                         ENVIRONMENT "GTEST_TOTAL_SHARDS=${ARG_SHARDS};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()

# Logging: the shared fmt and spdlog of Debian.
find_package(spdlog REQUIRED)

# Metrics: the core of prometheus-cpp alone. Its CMake package would ask for the web server and the curl of its other parts.
find_library(PROMETHEUS_CPP_CORE prometheus-cpp-core REQUIRED)
add_library(prometheus-cpp INTERFACE)
target_link_libraries(prometheus-cpp INTERFACE ${PROMETHEUS_CPP_CORE})

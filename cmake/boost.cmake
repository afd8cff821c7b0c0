# Asio, Beast and JSON compiled once (their separate-compilation mode), so that our sources only see declarations.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)

add_library(entropy_boost STATIC ${CMAKE_SOURCE_DIR}/cmake/boost_impl.cpp)
target_compile_definitions(entropy_boost PUBLIC BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
                                                BOOST_ASIO_NO_DEPRECATED
                                                BOOST_ALL_NO_LIB)
target_compile_options(entropy_boost PRIVATE -w)
target_link_libraries(entropy_boost PUBLIC Threads::Threads OpenSSL::SSL OpenSSL::Crypto)

# What every user of Boost here includes anyway, precompiled once for all targets that say BOOST.
add_library(entropy_pch STATIC ${CMAKE_SOURCE_DIR}/cmake/boost_pch.cpp)
target_link_libraries(entropy_pch PUBLIC entropy_boost)
entropy_sanitize(entropy_pch TRUE)
target_precompile_headers(entropy_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/boost_pch.hpp)

# For tests, without optimization, as they are: the same and GoogleTest, or that alone where they do without Boost.
if(ENTROPY_TESTS)
  add_library(entropy_test_pch STATIC ${CMAKE_SOURCE_DIR}/cmake/boost_pch.cpp)
  target_link_libraries(entropy_test_pch PUBLIC entropy_boost GTest::gmock)
  target_compile_options(entropy_test_pch PRIVATE -O0)
  target_precompile_headers(entropy_test_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/test_pch.hpp)

  add_library(entropy_gtest_pch STATIC ${CMAKE_SOURCE_DIR}/cmake/boost_pch.cpp)
  target_link_libraries(entropy_gtest_pch PUBLIC GTest::gmock)
  target_compile_options(entropy_gtest_pch PRIVATE -O0)
  entropy_sanitize(entropy_gtest_pch FALSE)
  target_precompile_headers(entropy_gtest_pch PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
endif()

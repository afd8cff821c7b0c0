// Precompiled for every test program that uses Boost.
#pragma once

#include "boost_pch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

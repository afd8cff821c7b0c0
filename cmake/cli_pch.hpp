// Precompiled for the command line: Boost, and the parser of arguments, which takes as long to read.
#pragma once

#include <CLI/CLI.hpp>

#include "boost_pch.hpp"

// The text of the error that a call throws, to be searched for what it must name.
#pragma once

#include <gtest/gtest.h>

#include <exception>
#include <string>

namespace sirfp::test {

// Fails the test, and returns nothing, if `call` throws no Error.
template <class Error, class Call>
std::string error_text(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another error was thrown: " << error.what();
    return {};
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace sirfp::test

#define SIRFP_EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << "expected \"" << (part) << "\" in: " << (text)

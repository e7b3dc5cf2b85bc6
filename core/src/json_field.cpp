#include "json_field.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "sirfp/expects.hpp"

namespace sirfp {

json_value parse_json(const std::string& content, const std::string& source) {
  try {
    return json_value::parse(content);
  } catch (const json_value::exception& error) {
    throw invalid_argument(text(source, ": not JSON: ", error.what()));
  }
}

void json_field::fail(const std::string& what) const {
  throw invalid_argument(text(source_, ": ", place_, place_.empty() ? "" : ": ", what));
}

void json_field::expect(bool holds, const char* what) const {
  if (!holds) fail(text("expected ", what, ", found ", value_->type_name()));
}

json_field json_field::at(const std::string& name) const {
  expect(value_->is_object(), "an object");
  const auto found = value_->find(name);
  if (found == value_->end()) fail(text("field ", name, " is missing"));
  return {*found, source_, place_.empty() ? name : text(place_, ".", name)};
}

json_field json_field::at(std::size_t position) const {
  expect(value_->is_array(), "a list");
  return {value_->at(position), source_, text(place_, "[", position, "]")};
}

std::size_t json_field::size() const {
  expect(value_->is_array(), "a list");
  return value_->size();
}

std::vector<std::string> json_field::names() const {
  expect(value_->is_object(), "an object");
  std::vector<std::string> names;
  for (const auto& [name, ignored] : value_->items()) names.push_back(name);
  return names;
}

void json_field::expect_only(std::initializer_list<const char*> known) const {
  for (const std::string& name : names())
    if (std::none_of(known.begin(), known.end(), [&](const char* k) { return name == k; })) fail(text("unknown field ", name));
}

std::string json_field::string() const {
  expect(value_->is_string(), "text");
  return value_->get<std::string>();
}

std::int64_t json_field::integer() const {
  expect(value_->is_number_integer(), "an integer");
  if (value_->is_number_unsigned() && value_->get<std::uint64_t>() > INT64_MAX)
    fail(text("expected an integer of 64 bits, found ", value_->dump()));
  return value_->get<std::int64_t>();
}

std::int32_t json_field::index() const {
  const std::int64_t value = integer();
  if (value < INT32_MIN || value > INT32_MAX) fail(text("expected an integer of 32 bits, found ", value));
  return static_cast<std::int32_t>(value);
}

double json_field::number() const {
  expect(value_->is_number(), "a number");
  return value_->get<double>();
}

namespace {

template <class T, class Read>
std::vector<T> list_of(const json_field& field, Read read) {
  std::vector<T> values;
  values.reserve(field.size());
  for (std::size_t i = 0; i < field.size(); ++i) values.push_back((field.at(i).*read)());
  return values;
}

}  // namespace

std::vector<std::string> json_field::strings() const { return list_of<std::string>(*this, &json_field::string); }
std::vector<std::int64_t> json_field::integers() const { return list_of<std::int64_t>(*this, &json_field::integer); }
std::vector<std::int32_t> json_field::indices() const { return list_of<std::int32_t>(*this, &json_field::index); }
std::vector<double> json_field::numbers() const { return list_of<double>(*this, &json_field::number); }

const json_value& json_field::object() const {
  expect(value_->is_object(), "an object");
  return *value_;
}

}  // namespace sirfp

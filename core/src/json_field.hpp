// A JSON value that knows where it stands, so that an error can say "plan.json: groups[3].kept[7]: expected an integer, found string".
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sirfp {

using json_value = nlohmann::ordered_json;

// Throws invalid_argument "SOURCE: not JSON: ...".
json_value parse_json(const std::string& text, const std::string& source);

// Non-owning; every accessor throws invalid_argument naming source and field.
class json_field {
 public:
  json_field(const json_value& value, std::string source) : value_(&value), source_(std::move(source)) {}
  json_field at(const std::string& name) const;  // of an object
  json_field at(std::size_t index) const;        // of an array
  std::size_t size() const;                      // of an array
  std::vector<std::string> names() const;        // of an object
  void expect_only(std::initializer_list<const char*> names) const;

  std::string string() const;
  std::int64_t integer() const;
  std::int32_t index() const;  // an integer of 32 bits
  double number() const;
  std::vector<std::string> strings() const;
  std::vector<std::int64_t> integers() const;
  std::vector<std::int32_t> indices() const;
  std::vector<double> numbers() const;
  const json_value& object() const;

  [[noreturn]] void fail(const std::string& what) const;

 private:
  json_field(const json_value& value, std::string source, std::string place)
      : value_(&value), source_(std::move(source)), place_(std::move(place)) {}
  void expect(bool holds, const char* what) const;
  const json_value* value_;
  std::string source_;
  std::string place_;
};

}  // namespace sirfp

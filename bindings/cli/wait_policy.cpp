// OpenMP's threads sleep at a barrier instead of spinning, unless the caller's environment says otherwise. ATen splits every small
// operator, and a spinning thread that shares its core with another process makes each of those barriers cost a time slice
// (docs/decisions/0004).
//
// libgomp reads its environment when it is loaded and has no other switch. So the program starts itself anew, once, with the variable set:
// before main and before any library's own initialisers, which makes it cheap.
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace {

constexpr const char* policy = "OMP_WAIT_POLICY=passive";

void start_with_policy(int, char** argv, char** environment) {
  std::size_t count = 0;
  for (; environment[count] != nullptr; ++count)
    if (std::strncmp(environment[count], "OMP_WAIT_POLICY=", 16) == 0 || std::strncmp(environment[count], "GOMP_SPINCOUNT=", 15) == 0)
      return;
  char program[4096];
  const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  auto** extended = static_cast<char**>(std::malloc((count + 2) * sizeof(char*)));
  if (length <= 0 || extended == nullptr) return;
  program[length] = '\0';
  std::memcpy(extended, environment, count * sizeof(char*));
  extended[count] = const_cast<char*>(policy);
  extended[count + 1] = nullptr;
  execve(program, argv, extended);
  std::free(extended);  // it could not: only slower
}

[[gnu::section(".preinit_array"), gnu::used]] void (*const before_libraries)(int, char**, char**) = start_with_policy;

}  // namespace

#include "sirfp/files.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "sirfp/expects.hpp"
#include "support/error_text.hpp"
#include "support/temporary_folder.hpp"

namespace sirfp {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using test::temporary_folder;

TEST(files, write_then_read) {
  const temporary_folder folder;
  const std::string content("line\n\0byte", 10);
  write_text(folder / "a.txt", content);
  EXPECT_EQ(read_text(folder / "a.txt"), content);
  EXPECT_EQ(folder.entries(), 1);
}

TEST(files, replaces_whole) {
  const temporary_folder folder;
  write_text(folder / "a", std::string(10000, 'x'));
  write_text(folder / "a", "short");
  EXPECT_EQ(read_text(folder / "a"), "short");
}

TEST(files, link_stays_a_link) {
  const temporary_folder folder;
  write_text(folder / "real", "old");
  fs::create_symlink("real", folder / "link");
  write_text(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_text(folder / "real"), "new");
}

TEST(files, target_is_untouched_until_commit) {
  const temporary_folder folder;
  write_text(folder / "a", "old");
  {
    pending_file pending(folder / "a");
    std::ofstream(pending.path()) << "half";
    EXPECT_EQ(pending.path().parent_path(), folder.path());
    EXPECT_EQ(read_text(folder / "a"), "old");
  }
  EXPECT_EQ(read_text(folder / "a"), "old");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(files, two_writers_of_one_target_do_not_meet) {
  const temporary_folder folder;
  pending_file first(folder / "a");
  pending_file second(folder / "a");
  EXPECT_NE(first.path(), second.path());
  std::ofstream(first.path()) << "1";
  std::ofstream(second.path()) << "2";
  second.commit();
  first.commit();
  EXPECT_EQ(read_text(folder / "a"), "1");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(files, bad_targets_are_known_at_once) {
  const temporary_folder folder;
  std::string what = error_text<failure>([&] { pending_file(folder / "none/small.pt"); });
  SIRFP_EXPECT_HAS(what, (folder / "none/small.pt").string() + ": cannot write: No such file or directory");
  what = error_text<failure>([&] { pending_file{folder.path()}; });
  SIRFP_EXPECT_HAS(what, folder.path().string() + ": cannot write: Is a directory");
  what = error_text<failure>([&] { pending_file("/dev/null"); });
  SIRFP_EXPECT_HAS(what, "/dev/null: cannot write: not a regular file");
  what = error_text<invalid_argument>([&] { pending_file(""); });
  SIRFP_EXPECT_HAS(what, "expected a file name");
}

TEST(files, read_only_directory) {
  const temporary_folder folder;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const uid_t user = ::geteuid();
  if (user == 0) {  // root may write everywhere: be nobody for a moment
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const std::string what = error_text<failure>([&] { pending_file(folder / "a"); });
  ASSERT_EQ(::seteuid(user), 0);
  fs::permissions(folder.path(), fs::perms::owner_all);
  SIRFP_EXPECT_HAS(what, "cannot write: Permission denied");
  EXPECT_EQ(folder.entries(), 0);
}

// A limit on the file size stands in for a full disk: write(2) fails half way in both.
TEST(files, full_disk_leaves_nothing) {
  const temporary_folder folder;
  write_text(folder / "a", "old");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{4096, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string what = error_text<failure>([&] { write_text(folder / "a", std::string(100000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  SIRFP_EXPECT_HAS(what, (folder / "a").string() + ": cannot write: File too large");
  EXPECT_EQ(read_text(folder / "a"), "old");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(files, unreadable_input_is_named) {
  const temporary_folder folder;
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { read_text(folder / "none"); }), (folder / "none").string() + ": no such file");
  SIRFP_EXPECT_HAS(error_text<invalid_argument>([&] { read_text(folder.path()); }), "is a directory");
}

}  // namespace
}  // namespace sirfp

// Vectors out of a numpy .npz file, as np.savez writes it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace sirfp::cli {

// Name -> values, of one-dimensional float32 and float64 arrays. Throws invalid_argument with the path: no such file, not an .npz, cut
// short, compressed (np.savez_compressed), an array of another type or shape (names it).
std::map<std::string, std::vector<double>> read_npz(const std::filesystem::path& path);

}  // namespace sirfp::cli

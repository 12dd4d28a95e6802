// Checks for test programs: the first that fails says where, and ends the program.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <ociimg.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                   \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (0)

inline std::optional<std::string> read_file(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// The path of a blob in a layout.
inline std::string blob_path(const std::string &layout, std::string_view digest)
{
    std::string path(digest);
    path[path.find(':')] = '/';
    return layout + "/blobs/" + path;
}

#endif

# A misspelt -DSIRFP_... would otherwise be ignored in silence. Include after the options are declared.
set(known SIRFP_TORCH_ADAPTER SIRFP_CUDA SIRFP_TESTS SIRFP_BENCHMARKS SIRFP_EXAMPLES SIRFP_INSTALL SIRFP_WARNINGS_AS_ERRORS SIRFP_SANITIZE SIRFP_TORCH
          SIRFP_CBLAS_INCLUDE SIRFP_CUDA_WHEELS)
get_cmake_property(cached CACHE_VARIABLES)
foreach(name ${cached})
  get_property(type CACHE ${name} PROPERTY TYPE)
  string(TOUPPER ${name} upper)
  # Without a type only the command line makes entries, so that CMake's own sirfp_BINARY_DIR and the like pass.
  if(NOT name IN_LIST known AND (name MATCHES "^SIRFP_" OR (upper MATCHES "^SIRFP_" AND type STREQUAL "UNINITIALIZED")))
    unset(${name} CACHE)
    list(JOIN known ", " names)
    message(FATAL_ERROR "unknown option ${name}; known are ${names}")
  endif()
endforeach()

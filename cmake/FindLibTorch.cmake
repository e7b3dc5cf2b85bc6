# LibTorch from a torch wheel or a LibTorch tree, without the CUDA look-ups of its own package file. SIRFP_TORCH names the folder that
# holds include/ and lib/ (the wheel's `torch` folder); else the project's .venv, else python3's own torch is taken.
#   LibTorch::LibTorch, LibTorch_VERSION
set(SIRFP_TORCH "$ENV{SIRFP_TORCH}" CACHE PATH "Folder of an installed torch (include/ and lib/ in it)")
if(NOT SIRFP_TORCH)
  foreach(python "$ENV{VIRTUAL_ENV}/bin/python" "${PROJECT_SOURCE_DIR}/.venv/bin/python" python3)
    execute_process(COMMAND ${python} -c "import torch, pathlib; print(pathlib.Path(torch.__file__).parent)" OUTPUT_VARIABLE found
                    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
    if(status EQUAL 0 AND found)
      set(SIRFP_TORCH "${found}" CACHE PATH "Folder of an installed torch (include/ and lib/ in it)" FORCE)
      break()
    endif()
  endforeach()
endif()
find_path(LibTorch_INCLUDE torch/script.h HINTS ${SIRFP_TORCH}/include/torch/csrc/api/include ${SIRFP_TORCH}/include NO_DEFAULT_PATH)
find_library(LibTorch_TORCH torch HINTS ${SIRFP_TORCH}/lib NO_DEFAULT_PATH)
find_library(LibTorch_CPU torch_cpu HINTS ${SIRFP_TORCH}/lib NO_DEFAULT_PATH)
find_library(LibTorch_C10 c10 HINTS ${SIRFP_TORCH}/lib NO_DEFAULT_PATH)
if(EXISTS ${SIRFP_TORCH}/version.py)
  file(STRINGS ${SIRFP_TORCH}/version.py version_line REGEX "^__version__")
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" LibTorch_VERSION "${version_line}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS SIRFP_TORCH LibTorch_INCLUDE LibTorch_TORCH LibTorch_CPU LibTorch_C10
                                  VERSION_VAR LibTorch_VERSION
                                  REASON_FAILURE_MESSAGE "set SIRFP_TORCH to the folder of an installed torch, or -DSIRFP_TORCH_ADAPTER=OFF for core alone")
if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE ${SIRFP_TORCH}/include ${SIRFP_TORCH}/include/torch/csrc/api/include)
  target_link_libraries(LibTorch::LibTorch INTERFACE ${LibTorch_TORCH} ${LibTorch_CPU} ${LibTorch_C10})
  target_link_options(LibTorch::LibTorch INTERFACE "-Wl,-rpath,${SIRFP_TORCH}/lib")
  target_compile_definitions(LibTorch::LibTorch INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
endif()

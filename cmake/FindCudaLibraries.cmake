# cuBLAS and cuSOLVER: those of the CUDA toolkit or, where it lacks them, of the PyPI wheels nvidia-cublas, nvidia-cusolver, nvidia-cusparse and
# nvidia-nvjitlink (`scripts/setup cuda`; a torch that was built with CUDA 13 brings them). Of the wheels the folder that holds their include/
# and lib/ is taken which SIRFP_CUDA_WHEELS names, else the one beside torch or among the packages of the project's .venv or of python3.
#   CudaLibraries::cublas, CudaLibraries::cusolver
set(SIRFP_CUDA_WHEELS "$ENV{SIRFP_CUDA_WHEELS}" CACHE PATH "Folder of the nvidia wheels' include/ and lib/ (site-packages/nvidia/cu13)")
if(NOT CUDAToolkit_FOUND)
  find_package(CUDAToolkit 12 REQUIRED)
endif()

set(wheel_folders ${SIRFP_CUDA_WHEELS} ${SIRFP_TORCH}/../nvidia/cu13)
foreach(python "$ENV{VIRTUAL_ENV}/bin/python" "${PROJECT_SOURCE_DIR}/.venv/bin/python" python3)
  execute_process(COMMAND ${python} -c "import nvidia; print(*(f'{path}/cu13' for path in nvidia.__path__), sep=';')" OUTPUT_VARIABLE found
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
  if(status EQUAL 0)
    list(APPEND wheel_folders ${found})
  endif()
endforeach()
list(TRANSFORM wheel_folders APPEND /include OUTPUT_VARIABLE include_folders)
list(TRANSFORM wheel_folders APPEND /lib OUTPUT_VARIABLE library_folders)

# The last two are asked for by cuSOLVER when a program is linked and when it starts. (A wheel has no name without a version.)
find_path(CudaLibraries_INCLUDE cusolverDn.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ${include_folders} NO_DEFAULT_PATH)
foreach(library cublas.so.13 cusolver.so.12 cusparse.so.12 nvJitLink.so.13)
  string(REGEX REPLACE "\\..*" "" name ${library})
  find_library(CudaLibraries_${name} NAMES ${name} lib${library} HINTS ${CUDAToolkit_LIBRARY_DIR} ${library_folders} NO_DEFAULT_PATH)
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CudaLibraries
                                  REQUIRED_VARS CudaLibraries_INCLUDE CudaLibraries_cublas CudaLibraries_cusolver CudaLibraries_cusparse
                                                CudaLibraries_nvJitLink
                                  REASON_FAILURE_MESSAGE "install cuBLAS and cuSOLVER with the toolkit or by `scripts/setup cuda`, or set SIRFP_CUDA_WHEELS")
if(CudaLibraries_FOUND)
  foreach(name cublas cusolver)
    if(NOT TARGET CudaLibraries::${name})
      add_library(CudaLibraries::${name} SHARED IMPORTED)
      set_target_properties(CudaLibraries::${name} PROPERTIES IMPORTED_LOCATION ${CudaLibraries_${name}}
                            INTERFACE_INCLUDE_DIRECTORIES ${CudaLibraries_INCLUDE})
    endif()
  endforeach()
  target_link_libraries(CudaLibraries::cusolver INTERFACE CudaLibraries::cublas)
endif()

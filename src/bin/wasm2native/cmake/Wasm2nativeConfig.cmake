# find_package(Wasm2native): the command `wasm2native`, and functions that compile modules with it.
# docs/builds.md shows how to use them.
#
#   wasm2native_add_library(NAME [STATIC|SHARED] MODULE [PREFIX P] [CXX] [OPTIONS ...])
#     A library target that C and C++ targets link with. Its header is `P.h`, or with CXX `P.hpp`.
#     P is the module's name unless PREFIX says otherwise.
#
#   wasm2native_add_executable(NAME MODULE [OPTIONS ...])
#     A program in the current binary directory, whose path is in the variable NAME_PROGRAM. `all`
#     and the target NAME-wasm2native build it.
#
# MODULE is a file below the current source directory, or one that a custom command makes. OPTIONS
# are words for wasm2native, among them files to link with. What a result was made of is watched,
# with everything that it includes.

cmake_minimum_required(VERSION 3.21)

find_program(WASM2NATIVE_EXECUTABLE wasm2native DOC "The compiler of WebAssembly to native programs")
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Wasm2native REQUIRED_VARS WASM2NATIVE_EXECUTABLE
  VERSION_VAR Wasm2native_VERSION)

# A custom command that runs wasm2native with ARGN.
function(_wasm2native_command outputs module depfile)
  set(target)
  if(CMAKE_CROSSCOMPILING)
    string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}-unknown-${CMAKE_SYSTEM_NAME}-gnu" triple)
    set(target --target "${triple}")
  endif()
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND "${WASM2NATIVE_EXECUTABLE}" "${module}" ${target} ${ARGN} --depfile-name "${depfile}"
    DEPENDS "${module}" "${WASM2NATIVE_EXECUTABLE}"
    DEPFILE "${depfile}"
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    COMMENT "Compiling ${module}"
    VERBATIM)
endfunction()

# The one module among the words that are left.
function(_wasm2native_module result name)
  list(LENGTH ARGN n_modules)
  if(NOT n_modules EQUAL 1)
    message(FATAL_ERROR "${name} is made of one module, and ${n_modules} are named: ${ARGN}")
  endif()
  get_filename_component(module "${ARGN}" ABSOLUTE)
  set(${result} "${module}" PARENT_SCOPE)
endfunction()

function(wasm2native_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "STATIC;SHARED;CXX" "PREFIX" "OPTIONS")
  _wasm2native_module(module "${name}" ${ARG_UNPARSED_ARGUMENTS})
  set(prefix "${ARG_PREFIX}")
  if(NOT prefix)
    get_filename_component(prefix "${module}" NAME_WE)
  endif()
  if(ARG_SHARED)
    set(kind SHARED)
    set(form sharedlib)
  else()
    set(kind STATIC)
    set(form staticlib)
  endif()
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${name}.wasm2native")
  file(MAKE_DIRECTORY "${folder}")
  set(library "${folder}/${CMAKE_${kind}_LIBRARY_PREFIX}${name}${CMAKE_${kind}_LIBRARY_SUFFIX}")
  set(outputs "${library}" "${folder}/${prefix}.h")
  set(emit "${form}=${library},header=${folder}/${prefix}.h")
  if(ARG_CXX)
    list(APPEND outputs "${folder}/${prefix}.hpp")
    string(APPEND emit ",c++=${folder}/${prefix}.hpp")
  endif()
  _wasm2native_command("${outputs}" "${module}" "${folder}/${name}.d"
    --emit "${emit}" --prefix "${prefix}" ${ARG_OPTIONS})
  add_custom_target(${name}-wasm2native DEPENDS ${outputs})
  add_library(${name} ${kind} IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES
    IMPORTED_LOCATION "${library}"
    INTERFACE_INCLUDE_DIRECTORIES "${folder}")
  add_dependencies(${name} ${name}-wasm2native)
endfunction()

function(wasm2native_add_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "OPTIONS")
  _wasm2native_module(module "${name}" ${ARG_UNPARSED_ARGUMENTS})
  set(program "${CMAKE_CURRENT_BINARY_DIR}/${name}")
  _wasm2native_command("${program}" "${module}" "${program}.d" -o "${program}" ${ARG_OPTIONS})
  add_custom_target(${name}-wasm2native ALL DEPENDS "${program}")
  set(${name}_PROGRAM "${program}" PARENT_SCOPE)
endfunction()

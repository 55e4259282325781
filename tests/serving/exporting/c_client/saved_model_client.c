/* Asks an exported model as a server does: TensorFlow's C API and no Python in the process.
 *
 * saved_model_client EXPORT REQUESTS ANSWERS [OP_LIBRARY ...]
 *
 * REQUESTS holds requests one after another: the number of inputs and of outputs, each input as its
 * name and tensor, each output as its name. ANSWERS gets for each request its status code and
 * message and, where the code is 0, the output tensors. Numbers are unsigned 64-bit in the
 * machine's byte order; a string is its length and its bytes; a tensor is its TF_DataType, its
 * rank, its sizes and its elements: strings, or plain memory.
 *
 * Exit status: 0 every request was answered, be it with an error; 1 the model could not be loaded
 * or a file could not be read or written; 2 a wrong command line; 3 there is Python in the process.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

enum { MAX_RANK = 8, MAX_TENSORS = 8 };

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static void require_ok(const char *what, const TF_Status *status) {
  if (TF_GetCode(status) != TF_OK) fail(what, TF_Message(status));
}

static void *allocate(size_t size) {
  void *memory = malloc(size > 0 ? size : 1);
  if (memory == NULL) fail("memory", "there is no more");
  return memory;
}

static void read_bytes(FILE *file, void *bytes, size_t size) {
  if (fread(bytes, 1, size, file) != size) fail("requests", "the file ends within a request");
}

static uint64_t read_number(FILE *file) {
  uint64_t number;
  read_bytes(file, &number, sizeof number);
  return number;
}

/* Of bytes, with a NUL behind them. */
static char *read_string(FILE *file, size_t *size) {
  *size = read_number(file);
  char *string = allocate(*size + 1);
  read_bytes(file, string, *size);
  string[*size] = '\0';
  return string;
}

static size_t read_count(FILE *file, size_t most) {
  const uint64_t count = read_number(file);
  if (count > most) fail("requests", "too many tensors or dimensions");
  return count;
}

static size_t element_count(const TF_Tensor *tensor) {
  return (size_t)TF_TensorElementCount(tensor);
}

static TF_Tensor *read_tensor(FILE *file) {
  const TF_DataType type = (TF_DataType)read_number(file);
  int64_t sizes[MAX_RANK];
  const size_t rank = read_count(file, MAX_RANK);
  size_t count = 1;
  for (size_t i = 0; i < rank; ++i) {
    sizes[i] = (int64_t)read_number(file);
    count *= (size_t)sizes[i];
  }
  const size_t width = type == TF_STRING ? sizeof(TF_TString) : TF_DataTypeSize(type);
  TF_Tensor *tensor = TF_AllocateTensor(type, sizes, (int)rank, count * width);
  if (tensor == NULL) fail("requests", "no tensor can be made of the type and sizes");
  if (type != TF_STRING) {
    read_bytes(file, TF_TensorData(tensor), TF_TensorByteSize(tensor));
    return tensor;
  }
  TF_TString *strings = TF_TensorData(tensor);
  for (size_t i = 0; i < count; ++i) {
    size_t size;
    char *string = read_string(file, &size);
    TF_StringInit(&strings[i]);
    TF_StringCopy(&strings[i], string, size);
    free(string);
  }
  return tensor;
}

/* The strings of a tensor that TF_AllocateTensor made are the caller's. */
static void delete_input(TF_Tensor *tensor) {
  if (TF_TensorType(tensor) == TF_STRING) {
    TF_TString *strings = TF_TensorData(tensor);
    for (size_t i = 0; i < element_count(tensor); ++i) TF_StringDealloc(&strings[i]);
  }
  TF_DeleteTensor(tensor);
}

static void write_bytes(FILE *file, const void *bytes, size_t size) {
  if (fwrite(bytes, 1, size, file) != size) fail("answers", "the file cannot be written");
}

static void write_number(FILE *file, uint64_t number) { write_bytes(file, &number, sizeof number); }

static void write_string(FILE *file, const char *string, size_t size) {
  write_number(file, size);
  write_bytes(file, string, size);
}

static void write_tensor(FILE *file, const TF_Tensor *tensor) {
  write_number(file, (uint64_t)TF_TensorType(tensor));
  write_number(file, (uint64_t)TF_NumDims(tensor));
  for (int i = 0; i < TF_NumDims(tensor); ++i) write_number(file, (uint64_t)TF_Dim(tensor, i));
  if (TF_TensorType(tensor) != TF_STRING) {
    write_bytes(file, TF_TensorData(tensor), TF_TensorByteSize(tensor));
    return;
  }
  const TF_TString *strings = TF_TensorData(tensor);
  for (size_t i = 0; i < element_count(tensor); ++i)
    write_string(file, TF_StringGetDataPointer(&strings[i]), TF_StringGetSize(&strings[i]));
}

/* Reads the name of a tensor, "operation:index", and finds it in the graph. */
static TF_Output read_output(FILE *file, TF_Graph *graph) {
  size_t size;
  char *name = read_string(file, &size);
  char *colon = strrchr(name, ':');
  if (colon == NULL) fail(name, "a tensor's name must be operation:index");
  *colon = '\0';
  const TF_Output output = {TF_GraphOperationByName(graph, name), atoi(colon + 1)};
  if (output.oper == NULL) fail(name, "there is no such operation");
  free(name);
  return output;
}

static void answer(TF_Session *session, TF_Graph *graph, FILE *requests, FILE *answers) {
  TF_Output fed[MAX_TENSORS], fetched[MAX_TENSORS];
  TF_Tensor *inputs[MAX_TENSORS], *outputs[MAX_TENSORS];
  const size_t input_count = read_count(requests, MAX_TENSORS);
  const size_t output_count = read_count(requests, MAX_TENSORS);
  for (size_t i = 0; i < input_count; ++i) {
    fed[i] = read_output(requests, graph);
    inputs[i] = read_tensor(requests);
  }
  for (size_t i = 0; i < output_count; ++i) fetched[i] = read_output(requests, graph);

  TF_Status *status = TF_NewStatus();
  TF_SessionRun(session, NULL, fed, inputs, (int)input_count, fetched, outputs, (int)output_count,
                NULL, 0, NULL, status);
  write_number(answers, (uint64_t)TF_GetCode(status));
  write_string(answers, TF_Message(status), strlen(TF_Message(status)));
  for (size_t i = 0; i < input_count; ++i) delete_input(inputs[i]);
  if (TF_GetCode(status) == TF_OK) {
    for (size_t i = 0; i < output_count; ++i) {
      write_tensor(answers, outputs[i]);
      TF_DeleteTensor(outputs[i]);
    }
  }
  TF_DeleteStatus(status);
}

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: %s EXPORT REQUESTS ANSWERS [OP_LIBRARY ...]\n", argv[0]);
    return 2;
  }
  TF_Status *status = TF_NewStatus();
  for (int i = 4; i < argc; ++i) {
    /* The operations stay registered after the handle is deleted. */
    TF_DeleteLibraryHandle(TF_LoadLibrary(argv[i], status));
    require_ok(argv[i], status);
  }
  const char *tag = "serve";
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_Graph *graph = TF_NewGraph();
  TF_Session *session =
      TF_LoadSessionFromSavedModel(options, NULL, argv[1], &tag, 1, graph, NULL, status);
  require_ok(argv[1], status);

  FILE *requests = fopen(argv[2], "rb");
  if (requests == NULL) fail(argv[2], "cannot be opened");
  FILE *answers = fopen(argv[3], "wb");
  if (answers == NULL) fail(argv[3], "cannot be opened");
  for (int next; (next = getc(requests)) != EOF;) {
    ungetc(next, requests);
    answer(session, graph, requests, answers);
  }
  fclose(requests);
  if (fclose(answers) != 0) fail(argv[3], "cannot be written");

  TF_CloseSession(session, status);
  require_ok("closing", status);
  TF_DeleteSession(session, status);
  TF_DeleteGraph(graph);
  TF_DeleteSessionOptions(options);
  TF_DeleteStatus(status);
  return dlsym(RTLD_DEFAULT, "Py_IsInitialized") != NULL ? 3 : 0;
}

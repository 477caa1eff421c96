/**
 * SQLite as a guest, in two forms. The command reads SQL from standard input and prints what it gives, `sqlite [DATABASE]`. The
 * reactor is called: input(bytes) gives a place for SQL, run() executes it and gives the length of what came of it, output() says where
 * that is; its database is in memory. Rows are lines, their columns separated by bars.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

struct text {
  char* bytes;
  size_t length, room;
};

static sqlite3* database;

static void append(struct text* to, const char* from, size_t length) {
  if (to->length + length + 1 > to->room) {
    to->room = 2 * (to->length + length + 1);
    to->bytes = realloc(to->bytes, to->room);
    if (to->bytes == NULL) abort();
  }
  memcpy(to->bytes + to->length, from, length);
  to->length += length;
  to->bytes[to->length] = 0;
}

static int row(void* into, int count, char** values, char** names) {
  for (int i = 0; i < count; i++) {
    const char* value = values[i] == NULL ? "" : values[i];
    append(into, value, strlen(value));
    append(into, i + 1 < count ? "|" : "\n", 1);
  }
  return 0;
}

static void execute(const char* sql, struct text* answer) {
  char* error = NULL;
  answer->length = 0;
  append(answer, "", 0);
  if (sqlite3_exec(database, sql, row, answer, &error) == SQLITE_OK) return;
  append(answer, "error: ", 7);
  append(answer, error, strlen(error));
  append(answer, "\n", 1);
  sqlite3_free(error);
}

#ifdef REACTOR

static struct text question, answer;

__attribute__((export_name("input"))) char* input(size_t bytes) {
  question.length = 0;
  if (bytes + 1 > question.room) {
    question.room = bytes + 1;
    question.bytes = realloc(question.bytes, question.room);
    if (question.bytes == NULL) abort();
  }
  question.bytes[bytes] = 0;
  return question.bytes;
}

__attribute__((export_name("run"))) size_t run(void) {
  if (database == NULL && sqlite3_open(":memory:", &database) != SQLITE_OK) abort();
  execute(question.bytes, &answer);
  return answer.length;
}

__attribute__((export_name("output"))) char* output(void) {
  return answer.bytes;
}

#else

int main(int count, char** arguments) {
  struct text sql = {0}, answer = {0};
  char part[4096];
  size_t length;
  if (sqlite3_open(count > 1 ? arguments[1] : ":memory:", &database) != SQLITE_OK) {
    fprintf(stderr, "%s\n", sqlite3_errmsg(database));
    return 1;
  }
  append(&sql, "", 0);
  while ((length = fread(part, 1, sizeof part, stdin)) > 0) append(&sql, part, length);
  execute(sql.bytes, &answer);
  fputs(answer.bytes, stdout);
  return sqlite3_close(database);
}

#endif

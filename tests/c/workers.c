/* Readers and layer writers with workers, in programs that fork and handle signals. */
#define _DEFAULT_SOURCE /* sigaction, usleep */
#include "check.h"
#include "tar.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

enum { FILE_SIZE = 5 << 19, TAR_SIZE = TAR_BLOCK + FILE_SIZE + 2 * TAR_BLOCK, PIECE = 64 << 10 };

static unsigned char tar[TAR_SIZE], buf[PIECE];
static ociimg_error *err;

static void make_tar(void)
{
    tar_header(tar, "file", FILE_SIZE);
    for (unsigned i = 0; i < FILE_SIZE; i++) {
        tar[TAR_BLOCK + i] = (unsigned char)(i * i >> 10);
    }
}

static ociimg_layer *make_layer(void)
{
    ociimg_layer_writer *writer;
    ociimg_layer *layer;
    CHECK_OK(ociimg_layer_writer_new(NULL, NULL, &writer, &err));
    CHECK_OK(ociimg_layer_writer_write(writer, tar, TAR_SIZE, &err));
    CHECK_OK(ociimg_layer_writer_finish(writer, &layer, &err));
    ociimg_layer_writer_free(writer);
    return layer;
}

/* A reader whose worker runs: it starts behind the first 256 KiB. */
static ociimg_reader *open_with_worker(const ociimg_layer *layer)
{
    ociimg_reader_options opts = {.struct_size = sizeof opts, .workers = 1};
    ociimg_reader *reader;
    CHECK_OK(ociimg_layer_open(layer, OCIIMG_READ_MODE_UNCOMPRESSED, &opts, NULL, &reader, &err));
    for (size_t read = 0, n; read < 1 << 20; read += n) {
        CHECK_OK(ociimg_reader_read(reader, buf, sizeof buf, &n, &err));
    }
    return reader;
}

/* Ends a child process. Not by exit: what the worker held is lost in it, which valgrind would
   report. */
static void end_child(void)
{
    execl("/bin/true", "true", (char *)NULL);
    _exit(1);
}

/* A child process does not have the worker: it gets an error at once, again and again, and
   frees without waiting. */
static void child_of_reader(ociimg_reader *reader)
{
    alarm(20);
    size_t n;
    for (int i = 0; i < 2; i++) {
        ociimg_error *e = NULL;
        CHECK_EQUAL(ociimg_reader_read(reader, buf, 1, &n, &e), OCIIMG_STATUS_UNSUPPORTED);
        CHECK(strstr(ociimg_error_message(e), "fork"));
        ociimg_error_free(e);
        CHECK_STATUS(ociimg_reader_finish(reader, &err), OCIIMG_STATUS_UNSUPPORTED);
    }
    CHECK(!ociimg_reader_is_verified(reader));
    ociimg_reader_free(reader);
    end_child();
}

static void child_of_writer(ociimg_layer_writer *writer)
{
    alarm(20);
    ociimg_layer *layer;
    /* Enough to need the workers. */
    CHECK_STATUS(ociimg_layer_writer_write(writer, tar, TAR_SIZE, &err), OCIIMG_STATUS_UNSUPPORTED);
    CHECK_STATUS(ociimg_layer_writer_finish(writer, &layer, &err), OCIIMG_STATUS_UNSUPPORTED);
    ociimg_layer_writer_free(writer);
    end_child();
}

static void await(pid_t child)
{
    int how;
    CHECK_EQUAL(waitpid(child, &how, 0), child);
    CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static void forks(const ociimg_layer *layer)
{
    for (int i = 0; i < 15; i++) {
        ociimg_reader *reader = open_with_worker(layer);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            child_of_reader(reader);
        }
        /* The parent goes on. */
        CHECK_OK(ociimg_reader_finish(reader, &err));
        CHECK(ociimg_reader_is_verified(reader));
        ociimg_reader_free(reader);
        await(child);
    }

    ociimg_layer_options opts = {.struct_size = sizeof opts, .workers = 2};
    for (int i = 0; i < 3; i++) {
        ociimg_layer_writer *writer;
        ociimg_layer *made;
        CHECK_OK(ociimg_layer_writer_new(&opts, NULL, &writer, &err));
        CHECK_OK(ociimg_layer_writer_write(writer, tar, TAR_SIZE, &err));
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            child_of_writer(writer);
        }
        CHECK_OK(ociimg_layer_writer_finish(writer, &made, &err));
        CHECK_TEXT(ociimg_layer_digest(made), ociimg_layer_digest(layer));
        ociimg_layer_free(made);
        ociimg_layer_writer_free(writer);
        await(child);
    }
}

static pthread_t main_thread;
static volatile sig_atomic_t handled, handled_elsewhere;

static void on_signal(int signal)
{
    (void)signal;
    handled = 1;
    handled_elsewhere |= !pthread_equal(pthread_self(), main_thread);
}

/* A signal to the process waits until the program's own thread takes it. */
static void signals(const ociimg_layer *layer)
{
    main_thread = pthread_self();
    struct sigaction action = {.sa_handler = on_signal};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    ociimg_reader *reader = open_with_worker(layer);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    usleep(100000);
    CHECK(!handled);
    CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
    CHECK(handled && !handled_elsewhere);
    CHECK_OK(ociimg_reader_finish(reader, &err));
    ociimg_reader_free(reader);
}

int main(void)
{
    bound();
    make_tar();
    ociimg_layer *layer = make_layer();
    signals(layer);
    forks(layer);
    ociimg_layer_free(layer);
    return 0;
}

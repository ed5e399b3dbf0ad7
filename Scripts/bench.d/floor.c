// The least that a durable answer over TCP costs: a server that reads one RESP command, overwrites 4 KiB of a file
// that is there already, syncs it (fdatasync), and answers +OK. No ledger on this machine can answer a lone client
// faster. `floor FILE`: prints its port, serves until it is killed. HELLO is answered as RESP3 wants it, unsynced.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 16384, CLIENTS = 64, ROOM = 1 << 16 };

static char page[PAGE];

// The bytes of the command at `p`, 0 while it is not there whole; `name` is its first word.
static size_t command(const char *p, size_t n, const char **name) {
    const char *end = p + n, *at = memchr(p, '\n', n);
    if (!at) return 0;
    long words = strtol(p + 1, NULL, 10);
    at++;
    for (long i = 0; i < words; i++) {
        const char *line = memchr(at, '\n', end - at);
        if (!line) return 0;
        long length = strtol(at + 1, NULL, 10);
        if (end - line - 1 < length + 2) return 0;
        if (i == 0) *name = line + 1;
        at = line + 1 + length + 2;
    }
    return at - p;
}

static void answer(int client, const char *text) {
    for (size_t n = strlen(text), sent = 0; sent < n;) {
        ssize_t k = write(client, text + sent, n - sent);
        if (k <= 0) return;
        sent += k;
    }
}

int main(int count, char **arguments) {
    if (count != 2) return 2;
    int file = open(arguments[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0) return perror(arguments[1]), 1;
    for (int i = 0; i < PAGES; i++)
        if (pwrite(file, page, PAGE, (off_t)i * PAGE) != PAGE) return perror("pwrite"), 1;
    fsync(file);
    memset(page, 'x', PAGE);

    int on = 1, listening = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    if (bind(listening, (void *)&address, size) || listen(listening, CLIENTS)) return perror("listen"), 1;
    getsockname(listening, (void *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);

    static struct pollfd sockets[CLIENTS];
    static char buffers[CLIENTS][ROOM];
    static size_t filled[CLIENTS];
    int open_ = 1, turn = 0;
    sockets[0] = (struct pollfd){ .fd = listening, .events = POLLIN };
    for (;;) {
        if (poll(sockets, open_, -1) < 0) return 1;
        for (int i = 1; i < open_; i++) {
            if (!sockets[i].revents) continue;
            ssize_t n = read(sockets[i].fd, buffers[i] + filled[i], ROOM - filled[i]);
            if (n <= 0) { // the last one takes its place, and its turn at the next poll
                close(sockets[i].fd);
                open_--;
                sockets[i] = sockets[open_];
                memcpy(buffers[i], buffers[open_], filled[open_]);
                filled[i] = filled[open_];
                break;
            }
            filled[i] += n;
            size_t used = 0, length;
            const char *name = "";
            while ((length = command(buffers[i] + used, filled[i] - used, &name))) {
                used += length;
                if (!strncasecmp(name, "HELLO", 5)) {
                    answer(sockets[i].fd, "%3\r\n$6\r\nserver\r\n$5\r\nfloor\r\n$7\r\nversion\r\n$1\r\n1\r\n"
                                          "$5\r\nproto\r\n:3\r\n");
                    continue;
                }
                if (pwrite(file, page, PAGE, (off_t)(turn++ % PAGES) * PAGE) != PAGE || fdatasync(file)) return 1;
                answer(sockets[i].fd, "+OK\r\n");
            }
            memmove(buffers[i], buffers[i] + used, filled[i] - used);
            filled[i] -= used;
        }
        if (sockets[0].revents && open_ < CLIENTS) {
            int client = accept(listening, NULL, NULL);
            if (client < 0) continue;
            setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            filled[open_] = 0;
            sockets[open_++] = (struct pollfd){ .fd = client, .events = POLLIN };
        }
    }
}

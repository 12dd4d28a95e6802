//! Functions of libcurl and of the system that the curl crate lacks.

#![allow(unsafe_code)]

use super::handler::Exchange;
use curl::easy::Easy2;
use curl::multi::{Easy2Handle, Multi};
use libc::{c_int, c_long};
use std::collections::HashSet;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::null_mut;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A multi handle that may go to another thread while no transfer is attached to it.
pub struct Line(pub Multi);

// SAFETY: libcurl lets a handle go from thread to thread, if no two use it at once; the
// value owns it, and gives it to nobody.
unsafe impl Send for Line {}

/// A transfer that is attached to a multi handle of its own.
pub struct Attached {
    // Detached first, which needs the other.
    pub easy: Easy2Handle<Exchange>,
    pub line: Line,
}

// SAFETY: as for `Line`: both handles go together, and nobody else has either of them.
unsafe impl Send for Attached {}

/// A multi handle whose descriptors no program inherits.
pub fn new_line() -> Line {
    // libcurl before 8.16 opens a pair of sockets for its own waking, and lets them be
    // inherited.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = inherited_sockets();
    let line = Line(Multi::new());
    for fd in inherited_sockets().difference(&before) {
        // SAFETY: sets a flag of a descriptor that was just opened.
        unsafe { libc::fcntl(*fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    line
}

/// Unnamed local sockets that are not close-on-exec.
fn inherited_sockets() -> HashSet<c_int> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"))
    else {
        return HashSet::new();
    };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter(|fd| is_inherited_socket(*fd)).collect()
}

fn is_inherited_socket(fd: c_int) -> bool {
    // SAFETY: asks for a flag; of a descriptor that is closed meanwhile an error comes.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    if flags < 0 || flags & libc::FD_CLOEXEC != 0 {
        return false;
    }
    // SAFETY: all zeros is such an address, and as much is written as it has room for.
    let (found, family, length) = unsafe {
        let mut address: libc::sockaddr_un = std::mem::zeroed();
        let mut length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
        let found = libc::getsockname(fd, (&raw mut address).cast(), &raw mut length);
        (found, c_int::from(address.sun_family), length as usize)
    };
    found == 0 && family == libc::AF_UNIX && length <= size_of::<libc::sa_family_t>()
}

/// Options that the curl crate has no functions for. What an older libcurl does not know
/// is left out.
pub fn set_raw_options(easy: &Easy2<Exchange>) {
    const SUPPRESS_CONNECT_HEADERS: curl_sys::CURLoption = curl_sys::CURLOPTTYPE_LONG + 265;
    const QUICK_EXIT: curl_sys::CURLoption = curl_sys::CURLOPTTYPE_LONG + 322;
    let on: c_long = 1;
    // SAFETY: the handle is alive, and both options take a long.
    unsafe {
        curl_sys::curl_easy_setopt(easy.raw(), SUPPRESS_CONNECT_HEADERS, on);
        // A transfer that ends while its host is looked up does not wait for the answer.
        curl_sys::curl_easy_setopt(easy.raw(), QUICK_EXIT, on);
    }
}

/// Runs a function with every signal blocked. libcurl looks names up on a thread of its own,
/// which inherits that: the program's handlers must not run there.
pub fn without_signals<R>(run: impl FnOnce() -> R) -> R {
    struct Restored(libc::sigset_t);
    impl Drop for Restored {
        fn drop(&mut self) {
            // SAFETY: the mask that this thread had.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, null_mut()) };
        }
    }
    // SAFETY: both sets are written before they are read.
    let restored = unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        Restored(before)
    };
    let result = run();
    drop(restored);
    result
}

/// Whether the connection is up (with TLS) and the request is being sent.
pub fn is_connected(easy: &Easy2Handle<Exchange>) -> bool {
    let mut seconds: f64 = 0.0;
    // SAFETY: the handle is alive, and this information is a double.
    let code = unsafe {
        curl_sys::curl_easy_getinfo(
            easy.raw(),
            curl_sys::CURLINFO_PRETRANSFER_TIME,
            &raw mut seconds,
        )
    };
    code == curl_sys::CURLE_OK && seconds > 0.0
}

/// In a child process, before it becomes another program: marks every descriptor but the
/// first three as closed then. Calls nothing that must not be called between fork and exec.
pub fn close_descriptors_on_exec() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4;
        // SAFETY: sets flags of descriptors.
        let done = unsafe {
            libc::syscall(
                libc::SYS_close_range,
                3 as libc::c_uint,
                libc::c_uint::MAX,
                CLOSE_RANGE_CLOEXEC,
            )
        };
        if done == 0 {
            return Ok(());
        }
    }
    // SAFETY: as above; descriptors that are not open give an error, which is expected.
    unsafe {
        let most = libc::sysconf(libc::_SC_OPEN_MAX).clamp(256, 65536) as c_int;
        for fd in 3..most {
            let flags = libc::fcntl(fd, libc::F_GETFD);
            if flags >= 0 {
                libc::fcntl(fd, libc::F_SETFD, flags | libc::FD_CLOEXEC);
            }
        }
    }
    Ok(())
}

/// Starts a program that inherits nothing but its standard streams.
pub fn spawn_alone(command: &mut std::process::Command) -> std::io::Result<std::process::Child> {
    use std::os::unix::process::CommandExt;
    // SAFETY: the function makes system calls alone.
    unsafe { command.pre_exec(close_descriptors_on_exec) };
    command.spawn()
}

/// Ends a process and all that it started in its group.
pub fn kill_group(child: &std::process::Child) {
    if let Ok(group) = libc::pid_t::try_from(child.id()) {
        // SAFETY: the child leads a group of its own and is not reaped yet, so the number
        // is still its.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
}

/// Whether something can be read (or was closed) within this time.
pub fn is_readable(fd: BorrowedFd<'_>, timeout: Duration) -> bool {
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let timeout = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: one entry, and the descriptor is open.
    unsafe { libc::poll(&raw mut poll, 1, timeout) > 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked() -> Vec<c_int> {
        // SAFETY: asks for the mask of this thread.
        let mask = unsafe {
            let mut mask: libc::sigset_t = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), &raw mut mask);
            mask
        };
        // SAFETY: a set, and the numbers of signals.
        (1..32)
            .filter(|signal| unsafe { libc::sigismember(&raw const mask, *signal) } == 1)
            .collect()
    }

    #[test]
    fn no_signal_is_handled_on_a_thread_that_is_started_without_signals() {
        let before = blocked();
        let there = without_signals(|| std::thread::spawn(blocked).join().unwrap());
        let all = (1..32).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal));
        assert_eq!(there, all.collect::<Vec<_>>());
        assert_eq!(blocked(), before);
        assert_ne!(before, there);
    }
}

//! The identity of the calling thread.

/// Identifies a thread while it runs; a later thread may get the same value.
///
/// The standard library's own needs an allocation for each of the program's threads, which
/// for the main thread is never freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadId(usize);

impl ThreadId {
    pub fn current() -> Self {
        thread_local! {
            static MARK: u8 = const { 0 };
        }
        Self(MARK.with(|mark| std::ptr::from_ref(mark).addr()))
    }
}

#[cfg(test)]
mod tests {
    use super::ThreadId;

    #[test]
    fn threads_differ_and_stay_the_same() {
        let here = ThreadId::current();
        let there = std::thread::spawn(ThreadId::current);
        assert_eq!(here, ThreadId::current());
        assert_ne!(here, there.join().unwrap());
    }
}

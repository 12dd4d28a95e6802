//! A queue from one thread to another.
//!
//! Not std's, nor crossbeam's: waiting in those makes std keep a record of the waiting
//! thread, which may be the program's main thread and is then never freed (valgrind calls
//! it "possibly lost"). A condition variable keeps none.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Makes both ends; each closes the queue when it is dropped, also by a panic.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let queue = Arc::new(Queue {
        state: Mutex::new(State {
            items: VecDeque::new(),
            is_closed: false,
        }),
        changed: Condvar::new(),
    });
    (Sender(End(queue.clone())), Receiver(End(queue)))
}

pub struct Sender<T>(End<T>);

pub struct Receiver<T>(End<T>);

struct End<T>(Arc<Queue<T>>);

struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    is_closed: bool,
}

impl<T> Sender<T> {
    /// Never waits. Returns the item if the queue is closed.
    pub fn send(&self, item: T) -> Result<(), T> {
        let mut state = self.0.0.lock();
        if state.is_closed {
            return Err(item);
        }
        state.items.push_back(item);
        drop(state);
        self.0.0.changed.notify_one();
        Ok(())
    }
}

impl<T> Receiver<T> {
    /// Waits for an item; `None` when there is none left and the queue is closed.
    pub fn receive(&self) -> Option<T> {
        let queue = &self.0.0;
        let mut state = queue.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                return Some(item);
            }
            if state.is_closed {
                return None;
            }
            let waited = queue.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Drop for End<T> {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_one();
    }
}

impl<T> Queue<T> {
    /// Nothing panics while it holds the lock, so what a poisoned lock guards is whole.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn items_come_in_order_and_closing_ends_them() {
        let (sender, receiver) = channel();
        let thread = thread::spawn(move || (0..1000).try_for_each(|i| sender.send(i)));
        for i in 0..1000 {
            assert_eq!(receiver.receive(), Some(i));
        }
        assert_eq!(receiver.receive(), None);
        thread.join().unwrap().unwrap();
    }

    #[test]
    fn nothing_is_sent_to_nobody() {
        let (sender, receiver) = channel();
        drop(receiver);
        assert_eq!(sender.send(1), Err(1));
    }
}

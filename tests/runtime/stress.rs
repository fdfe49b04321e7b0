//! A program for the own C library: what Rust's standard library does with threads, locks,
//! thread-local variables, memory and errors.
//!
//! It is a library with C's `main`. The names at its end belong to the standard library's own
//! backtraces, which the runtime cuts off, and which no program here prints.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};
use std::thread::Builder;
use std::time::{Duration, Instant};

unsafe extern "C" {
    fn __errno_location() -> *mut i32;
    fn close(descriptor: i32) -> i32;
    fn pthread_self() -> usize;
    fn pthread_getattr_np(thread: usize, attributes: *mut [u64; 8]) -> i32;
    fn pthread_attr_getstack(attributes: *const [u64; 8], start: *mut usize, size: *mut usize) -> i32;
}

/// Threads of the first two parts, and how many run at a time.
const N_THREADS: usize = 1000;
const AT_A_TIME: usize = 50;

static DROPPED: AtomicUsize = AtomicUsize::new(0);

/// Counts the threads that dropped theirs, with the right value in it.
struct Local(Cell<usize>);

impl Drop for Local {
    fn drop(&mut self) {
        let name = NAME.with(|name| name.get());
        DROPPED.fetch_add(usize::from(self.0.get() == name + 1), Ordering::SeqCst);
    }
}

#[repr(align(1024))]
struct Aligned([u8; 3000]);

thread_local! {
    static NAME: Cell<usize> = const { Cell::new(usize::MAX) };
    static LOCAL: Local = const { Local(Cell::new(0)) };
    static ALIGNED: Cell<Aligned> = const { Cell::new(Aligned([7; 3000])) };
}

/// Before `main`, and after it.
#[used]
#[unsafe(link_section = ".init_array")]
static FIRST: extern "C" fn() = {
    extern "C" fn first() {
        println!("first");
    }
    first
};

#[used]
#[unsafe(link_section = ".fini_array")]
static LAST: extern "C" fn() = {
    extern "C" fn last() {
        println!("last");
    }
    last
};

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    joined();
    detached();
    turns();
    stacks();
    memory();
    times();
    errors();
    0
}

/// All are joined. Each has its own variables and its own `errno` while others run.
fn joined() {
    let sum = Arc::new(Mutex::new(0usize));
    for first in (0..N_THREADS).step_by(AT_A_TIME) {
        let barrier = Arc::new(Barrier::new(AT_A_TIME));
        let n_set = Arc::new(AtomicUsize::new(0));
        let threads = (first..first + AT_A_TIME).map(|name| {
            let (sum, barrier, n_set) = (sum.clone(), barrier.clone(), n_set.clone());
            let work = move || {
                NAME.set(name);
                LOCAL.with(|local| local.0.set(name + 1));
                barrier.wait();
                for _ in 0..100 {
                    *sum.lock().unwrap() += 1;
                }
                // SAFETY: the thread's own variable.
                unsafe { *__errno_location() = name as i32 };
                n_set.fetch_add(1, Ordering::SeqCst);
                while n_set.load(Ordering::SeqCst) < AT_A_TIME {
                    std::thread::yield_now();
                }
                // SAFETY: as above.
                assert_eq!(unsafe { *__errno_location() }, name as i32);
                assert_eq!(NAME.get(), name);
                name * 2
            };
            Builder::new().stack_size(64 << 10).name(format!("t{name}")).spawn(work).unwrap()
        });
        let threads: Vec<_> = threads.collect();
        let results: Vec<usize> = threads.into_iter().map(|it| it.join().unwrap()).collect();
        assert!(results.iter().enumerate().all(|(at, result)| *result == (first + at) * 2));
    }
    println!("joined: {} dropped, sum {}", DROPPED.load(Ordering::SeqCst), sum.lock().unwrap());
}

/// Nobody joins them: they give their memory back themselves.
fn detached() {
    let done = Arc::new((Mutex::new(0), Condvar::new()));
    let wait_for = |number| {
        let mut count = done.0.lock().unwrap();
        while *count < number {
            count = done.1.wait(count).unwrap();
        }
    };
    let mut most = 0;
    for name in 0..N_THREADS {
        let done = done.clone();
        let work = move || {
            NAME.set(name);
            LOCAL.with(|local| local.0.set(name + 1));
            *done.0.lock().unwrap() += 1;
            done.1.notify_all();
        };
        drop(Builder::new().stack_size(1 << 20).spawn(work).unwrap());
        if (name + 1) % AT_A_TIME == 0 {
            wait_for(name + 1);
        }
        most = most.max(mappings());
    }
    // The last ones may still be on their way out.
    let patience = Instant::now();
    while (DROPPED.load(Ordering::SeqCst) < 2 * N_THREADS || mappings() > 30) && patience.elapsed().as_secs() < 20 {
        nap(1);
    }
    let left = mappings();
    println!("detached: {} dropped, few mappings: {}", DROPPED.load(Ordering::SeqCst), left <= 30 && most <= 200);
}

/// Pieces of the address space in use.
fn mappings() -> usize {
    let mut text = Vec::new();
    let mut file = std::fs::File::open("/proc/self/maps").unwrap();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = file.read(&mut buffer) {
        text.extend_from_slice(&buffer[..count]);
    }
    text.iter().filter(|&&byte| byte == b'\n').count()
}

fn nap(milliseconds: u64) {
    let pair = (Mutex::new(()), Condvar::new());
    let _ = pair.1.wait_timeout(pair.0.lock().unwrap(), Duration::from_millis(milliseconds)).unwrap();
}

/// Eight threads wait for each other in a circle.
fn turns() {
    const N: usize = 8;
    let state = (Mutex::new(0usize), Condvar::new());
    std::thread::scope(|scope| {
        for name in 0..N {
            let state = &state;
            let work = move || {
                for _ in 0..500 {
                    let mut turn = state.0.lock().unwrap();
                    while *turn % N != name {
                        turn = state.1.wait(turn).unwrap();
                    }
                    *turn += 1;
                    state.1.notify_all();
                }
            };
            // Without a size, the environment is asked for one, by a name that is missing.
            Builder::new().stack_size(64 << 10).spawn_scoped(scope, work).unwrap();
        }
    });
    println!("turns: {}", state.0.lock().unwrap());
}

/// A thread knows its stack and can use it; variables are where they should be.
fn stacks() {
    fn deep(levels: usize) -> usize {
        let place = [levels; 128];
        std::hint::black_box(&place);
        if levels == 0 { 0 } else { 1 + deep(levels - 1) }
    }
    let check = || {
        let here = 0u8;
        let (mut attributes, mut start, mut size) = ([0; 8], 0, 0);
        // SAFETY: writes to live variables of the right size.
        unsafe {
            assert_eq!(pthread_getattr_np(pthread_self(), &mut attributes), 0);
            pthread_attr_getstack(&attributes, &mut start, &mut size);
        }
        assert!((start..start + size).contains(&(&raw const here).addr()));
        assert!(ALIGNED.with(|it| it.as_ptr().addr().is_multiple_of(1024)));
        assert!(ALIGNED.replace(Aligned([0; 3000])).0.iter().all(|&byte| byte == 7));
        size
    };
    let in_main = check();
    let in_thread = Builder::new().stack_size(4 << 20).spawn(move || (check(), deep(2500))).unwrap().join().unwrap();
    println!("stacks: {} {} {}", in_main >= 1 << 20, in_thread.0 >= 4 << 20, in_thread.1);
}

/// Blocks of many sizes and alignments, freed by other threads than those that asked for them.
fn memory() {
    #[repr(align(4096))]
    struct Page(#[allow(dead_code)] [u8; 5000]);
    let (sender, receiver) = mpsc::channel::<Vec<u8>>();
    let threads: Vec<_> = (0..8u8)
        .map(|name| {
            let sender = sender.clone();
            let work = move || {
                for round in 0..500usize {
                    // Small ones, which take no call of the system, so that threads meet.
                    let small: Vec<Box<[u8]>> = (0..300).map(|size| vec![name; 1 + size].into()).collect();
                    assert!(small.iter().all(|it| it.iter().all(|&byte| byte == name)));
                    let mut block = vec![name; 1 + round * round % 70_000];
                    block.extend_from_slice(&[name; 100]);
                    assert!(Box::new(Page([name; 5000])).0.as_ptr().addr().is_multiple_of(4096));
                    assert!(vec![0u8; 300_000].iter().all(|&byte| byte == 0));
                    sender.send(block).unwrap();
                }
            };
            Builder::new().stack_size(256 << 10).spawn(work).unwrap()
        })
        .collect();
    drop(sender);
    let mut sums = HashMap::new();
    for block in receiver {
        assert!(block.iter().all(|&byte| byte == block[0]));
        *sums.entry(block[0]).or_insert(0) += block.len();
    }
    threads.into_iter().for_each(|it| it.join().unwrap());
    println!("memory: {} threads, all alike: {}", sums.len(), sums.values().all(|sum| *sum == sums[&0]));
}

fn times() {
    let start = Instant::now();
    nap(20);
    let passed = start.elapsed();
    println!("times: {}", passed >= Duration::from_millis(20) && passed < Duration::from_secs(20));
}

fn errors() {
    // SAFETY: no such descriptor is open.
    let result = unsafe { close(-1) };
    println!("errors: {result} {}", std::io::Error::last_os_error());
    println!("errors: {}", std::io::Error::from_raw_os_error(2));
    println!("errors: {}", std::io::Error::from_raw_os_error(4000));
    let variable = std::env::vars().find(|(name, _)| name == "STRESS");
    println!("arguments: {:?} {variable:?}", std::env::args().skip(1).collect::<Vec<_>>());
}

/// Names that the own library does not have.
macro_rules! unused {
    ($($name:ident)*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name() -> ! {
                std::process::abort()
            }
        )*
    };
}

unused! {
    _Unwind_Backtrace _Unwind_GetDataRelBase _Unwind_GetIP _Unwind_GetIPInfo _Unwind_GetLanguageSpecificData
    _Unwind_GetRegionStart _Unwind_GetTextRelBase _Unwind_Resume _Unwind_SetGR _Unwind_SetIP dl_iterate_phdr fstat64
    getcwd getenv lseek64 mmap64 readlink realpath stat64
}

//! A program for the heap of objects: what translated code does with it, done by hand, against a
//! model of the objects that must be there.
//!
//! It defines what the compiler would write. The model keeps addresses in a form in which the
//! collector does not know them for references.

#![allow(dead_code)]

#[macro_use]
#[path = "abi/mod.rs"]
mod abi;

use abi::image::Image;
use abi::memory::Segment;
use abi::object::{ARRAY_LENGTH, Heap, KIND_ARRAY, KIND_EXCEPTION, KIND_STRUCT, LARGEST_IN_RUNS, TypeRecord, cell_size};
use abi::program::{Program, Shared, VERSION};
use abi::table::Table;
use abi::trap::{CODE_HANDLE, Trap, TrapReport};
use std::collections::HashSet;
use std::ffi::c_void;
use std::hint::black_box;
use std::mem::zeroed;
use std::ptr::{null, null_mut};

unsafe extern "C" {
    fn w2n_main(argc: i32, argv: *const *const u8, envp: *const *const u8, program: *const Program) -> i32;
    fn w2n_try(function: extern "C" fn(*mut c_void), data: *mut c_void, report: *mut TrapReport) -> i32;
    fn w2n_allocate(heap: *mut Heap, bytes: u64) -> *mut u8;
    fn w2n_any_of_extern(heap: *mut Heap, word: u64) -> u64;
    fn w2n_extern_of_any(reference: u64) -> u64;
    fn w2n_cast_failure(reference: u64, wanted: *const TypeRecord) -> !;
    fn w2n_signature_matches(found: *const u8, expected: *const u8) -> i32;
    fn w2n_ref_new(heap: *mut Heap, reference: u64) -> u64;
    fn w2n_ref_get(heap: *mut Heap, handle: u64) -> u64;
    fn w2n_ref_drop(heap: *mut Heap, handle: u64);
}

const N_GLOBALS: usize = 20;
const N_ENTRIES: usize = 50;

#[unsafe(no_mangle)]
static mut w2n_shared: Shared = unsafe { Shared { version: VERSION, ..zeroed() } };
static mut HEAP: Heap = unsafe { zeroed() };
static mut GLOBALS: [u64; N_GLOBALS] = [0; N_GLOBALS];
static mut ENTRIES: [u64; N_ENTRIES] = [0; N_ENTRIES];
static mut ELEMENTS: [u64; N_ENTRIES] = [0; N_ENTRIES];

/// 64 words of which every third is a reference, then 64 without one, then the rest.
static MORE: [u64; 2] = [0, 0b1011];

const fn record(kind: u32, size: u32, first: u32, references: u64) -> TypeRecord {
    TypeRecord { kind, size, first, references, name: c"thing".as_ptr().cast(), ..unsafe { zeroed() } }
}

struct Types([TypeRecord; 8]);
unsafe impl Sync for Types {}

/// The second word of each object is its number in the model. It stands before the references.
static TYPES: Types = Types([
    record(KIND_STRUCT, 16, 0, 0),
    record(KIND_STRUCT, 24, 0, 0b10),
    record(KIND_EXCEPTION, 48, 0, 0b11010),
    record(KIND_STRUCT, 264, 0, 1 << 31 | 0b10),
    TypeRecord { more: MORE.as_ptr(), n_more: 2, ..record(KIND_STRUCT, 8 + 132 * 8, 0, 0b1001001001000) },
    record(KIND_ARRAY, 8, 24, 1),
    record(KIND_ARRAY, 1, 24, 0),
    record(KIND_STRUCT, 8 + 1000 * 8, 0, 1 << 63 | 0b10),
]);

/// Which words after the header hold references.
fn places(record: &TypeRecord, length: usize) -> Vec<usize> {
    if record.kind == KIND_ARRAY {
        let first = (record.first as usize - 8) / 8;
        return if record.references == 0 { Vec::new() } else { (first..first + length).collect() };
    }
    let masks = [&[record.references][..], if record.n_more == 0 { &[] } else { &MORE }].concat();
    let bit = |place: &usize| masks[place / 64] >> (place % 64) & 1 != 0;
    (0..masks.len() * 64).filter(bit).collect()
}

/// A linear congruential generator (Knuth's MMIX).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

struct Object {
    /// Its address, with all bits turned around.
    hidden: usize,
    record: &'static TypeRecord,
    length: usize,
    /// Numbers of the objects in its places.
    references: Vec<Option<usize>>,
}

impl Object {
    fn word(&self, place: usize) -> *mut u64 {
        (!self.hidden + 8 + place * 8) as *mut u64
    }
}

#[derive(Default)]
struct Model {
    objects: Vec<Option<Object>>,
    roots: Vec<Option<usize>>,
    handles: Vec<(u64, Option<usize>)>,
}

/// As code does it.
#[inline(always)]
unsafe fn allocate(bytes: usize) -> usize {
    unsafe {
        if bytes <= LARGEST_IN_RUNS as usize {
            let run = &mut *(&raw mut HEAP.runs[bytes.div_ceil(8)]);
            let next = run.next + cell_size(bytes as u32) as usize;
            if next <= run.end {
                return std::mem::replace(&mut run.next, next);
            }
        }
        w2n_allocate(&raw mut HEAP, bytes as u64) as usize
    }
}

impl Model {
    fn add(&mut self, random: &mut Random) -> usize {
        let record = &TYPES.0[match random.below(100) { kind @ ..=6 => kind, 7 => 7, kind => kind % 4 }];
        let longest = if random.below(50) == 0 { 20_000 } else { 20 };
        let length = if record.kind == KIND_ARRAY { random.below(longest) } else { 0 };
        let bytes = if length == 0 { record.size.max(24) as usize } else { 24 + length * record.size as usize };
        let number = self.objects.len();
        let references = vec![None; places(record, length).len()];
        unsafe {
            let address = allocate(bytes);
            (address as *mut u8).write_bytes(0, bytes);
            *(address as *mut *const TypeRecord) = record;
            *((address + ARRAY_LENGTH as usize) as *mut u64) = (number as u64) << 32 | length as u64;
            self.objects.push(Some(Object { hidden: !address, record, length, references }));
        }
        number
    }

    fn get(&self, number: usize) -> &Object {
        self.objects[number].as_ref().expect("it is reachable")
    }

    fn address(&self, number: Option<usize>) -> u64 {
        number.map_or(0, |number| !self.get(number).hidden as u64)
    }

    fn root(place: usize) -> *mut u64 {
        unsafe {
            match place.checked_sub(N_GLOBALS) {
                None => &raw mut GLOBALS[place],
                Some(place) if place < N_ENTRIES => &raw mut ENTRIES[place],
                Some(place) => &raw mut ELEMENTS[place - N_ENTRIES],
            }
        }
    }

    fn set_root(&mut self, place: usize, number: Option<usize>) {
        self.roots[place] = number;
        unsafe { *Model::root(place) = self.address(number) };
    }

    fn set(&mut self, number: usize, nth: usize, target: Option<usize>) {
        let address = self.address(target);
        let object = self.objects[number].as_mut().expect("it is reachable");
        object.references[nth] = target;
        let place = places(object.record, object.length)[nth];
        unsafe { *object.word(place) = address };
    }

    /// Something that can be reached, by a few steps from a root.
    fn any(&self, random: &mut Random) -> Option<usize> {
        let mut at = match random.below(10) {
            0 if !self.handles.is_empty() => self.handles[random.below(self.handles.len())].1?,
            _ => self.roots[random.below(self.roots.len())]?,
        };
        for _ in 0..random.below(6) {
            let references = &self.get(at).references;
            if !references.is_empty()
                && let Some(next) = references[random.below(references.len())]
            {
                at = next;
            }
        }
        Some(at)
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(12) {
            0..6 => {
                let number = self.add(random);
                for nth in 0..self.get(number).references.len().min(50) {
                    let target = self.any(random);
                    self.set(number, nth, target);
                }
                match self.any(random).filter(|at| !self.get(*at).references.is_empty()) {
                    Some(at) if random.below(4) != 0 => {
                        let nth = random.below(self.get(at).references.len());
                        self.set(at, nth, Some(number));
                    }
                    _ => self.set_root(random.below(self.roots.len()), Some(number)),
                }
            }
            6..9 => {
                let (at, target) = (self.any(random), self.any(random));
                if let Some(at) = at.filter(|at| !self.get(*at).references.is_empty()) {
                    let nth = random.below(self.get(at).references.len());
                    self.set(at, nth, target);
                }
            }
            9 => self.set_root(random.below(self.roots.len()), None),
            10 => {
                if let Some(number) = self.any(random) {
                    let handle = unsafe { w2n_ref_new(&raw mut HEAP, self.address(Some(number))) };
                    self.handles.push((handle, Some(number)));
                }
            }
            _ if self.handles.len() > 5 => {
                let (handle, number) = self.handles.swap_remove(random.below(self.handles.len()));
                unsafe {
                    assert_eq!(w2n_ref_get(&raw mut HEAP, handle), self.address(number));
                    w2n_ref_drop(&raw mut HEAP, handle);
                }
            }
            _ => {}
        }
    }

    /// Looks at all objects that must be there; forgets the others.
    fn check(&mut self) -> usize {
        let mut found = HashSet::new();
        let mut pending: Vec<usize> = self.roots.iter().chain(self.handles.iter().map(|it| &it.1)).flatten().copied().collect();
        while let Some(number) = pending.pop() {
            if !found.insert(number) {
                continue;
            }
            let object = self.get(number);
            unsafe {
                let header = object.word(0).sub(1).cast::<*const TypeRecord>();
                assert_eq!(*header, &raw const *object.record, "the header of {number}");
                assert_eq!(*object.word(0), (number as u64) << 32 | object.length as u64, "the number of {number}");
                for (place, target) in places(object.record, object.length).into_iter().zip(&object.references) {
                    assert_eq!(*object.word(place), self.address(*target), "a reference of {number}");
                    pending.extend(target);
                }
            }
        }
        for (number, object) in self.objects.iter_mut().enumerate() {
            if !found.contains(&number) {
                *object = None;
            }
        }
        found.len()
    }
}

fn graphs(n_steps: usize) {
    let mut model = Model { roots: vec![None; N_GLOBALS + 2 * N_ENTRIES], ..Model::default() };
    let mut random = Random(1);
    let mut most = 0;
    for step in 0..n_steps {
        model.step(&mut random);
        if step % (n_steps / 50) == 0 {
            most = model.check().max(most);
        }
    }
    println!("graphs: {}", most > 100);
    for place in 0..model.roots.len() {
        model.set_root(place, None);
    }
    for (handle, _) in std::mem::take(&mut model.handles) {
        unsafe { w2n_ref_drop(&raw mut HEAP, handle) };
    }
}

unsafe fn new(record: &'static TypeRecord, bytes: usize, value: u64) -> usize {
    unsafe {
        let address = allocate(bytes);
        *(address as *mut *const TypeRecord) = record;
        *((address + 8) as *mut u64) = value;
        address
    }
}

/// What is known by an address inside of it alone, on the stack.
#[inline(never)]
fn interior(n_others: usize) {
    unsafe {
        let inside = [(24, 16), (500, 488), (3000, 2000), (8192, 8184), (100_000, 70_000)];
        let places = black_box(inside.map(|(bytes, place)| new(&TYPES.0[6], bytes, bytes as u64) + place));
        for number in 0..n_others {
            black_box(new(&TYPES.0[6], inside[number % 5].0, 0));
        }
        for (place, (bytes, offset)) in black_box(places).into_iter().zip(inside) {
            assert_eq!(*((place - offset + 8) as *const u64), bytes as u64, "an object of {bytes} bytes");
            assert_eq!(*((place - offset) as *const usize), &raw const TYPES.0[6] as usize);
        }
    }
    println!("interior: there");
}

/// A ring, dropped again and again: more in all than the heap may have.
fn churn(n_rounds: usize) {
    for round in 0..n_rounds {
        let bytes = [24, 200, 1000, 8000, 30_000][round % 5];
        unsafe {
            let first = new(&TYPES.0[1], bytes, 0);
            GLOBALS[0] = first as u64;
            let mut last = first;
            for _ in 0..2_000_000 / bytes {
                let next = new(&TYPES.0[1], bytes, 0);
                *((last + 16) as *mut u64) = next as u64;
                *((next + 16) as *mut u64) = first as u64;
                last = next;
            }
        }
    }
    unsafe { GLOBALS[0] = 0 };
    println!("churn: done");
}

/// The message of the trap that ends this.
fn trap(function: extern "C" fn(*mut c_void), data: usize) -> String {
    unsafe {
        let mut report: TrapReport = zeroed();
        w2n_try(function, data as *mut c_void, &mut report);
        let end = report.message.iter().position(|byte| *byte == 0).expect("it ends");
        format!("{:?}: {}", Trap::of(report.code as u8), String::from_utf8_lossy(&report.message[..end]))
    }
}

extern "C" fn one(bytes: *mut c_void) {
    black_box(unsafe { w2n_allocate(&raw mut HEAP, bytes as u64) });
}

extern "C" fn list(bytes: *mut c_void) {
    loop {
        unsafe {
            let next = new(&TYPES.0[1], bytes as usize, 0);
            *((next + 16) as *mut u64) = GLOBALS[1];
            GLOBALS[1] = next as u64;
        }
    }
}

fn limits() {
    for bytes in [1 << 30, 1 << 37, 1 << 62, u64::MAX - 7, u64::MAX] {
        println!("{}", trap(one, bytes as usize));
    }
    for bytes in [24usize, 480, 8000, 1 << 20] {
        let message = trap(list, bytes);
        let taken: u64 = message.split("they take ").nth(1).and_then(|it| it.split(' ').next()?.parse().ok()).expect("it says");
        println!("list of {bytes}: {} {}", taken > 60 << 20 && taken <= 64 << 20, message.ends_with("--max-heap allows 67108864"));
        unsafe { GLOBALS[1] = 0 };
    }
}

fn host() {
    unsafe {
        let heap = &raw mut HEAP;
        let object = new(&TYPES.0[0], 16, 7) as u64;
        GLOBALS[2] = object;
        for word in [0, 1, 8, (1 << 62) - 1, 1 << 62, 1 << 62 | 0x7fff_ffff, 1 << 62 | 1 << 31, u64::MAX, 1 << 63, object] {
            let reference = w2n_any_of_extern(heap, word);
            assert_eq!(w2n_any_of_extern(heap, word), reference, "{word:#x} is one reference");
            assert_eq!(w2n_extern_of_any(reference), word, "{word:#x} comes back");
        }
        assert_eq!(w2n_any_of_extern(heap, object), object);
        assert_eq!(w2n_extern_of_any(7 << 1 | 1), 1 << 62 | 7);
        assert_eq!(w2n_any_of_extern(heap, 1 << 62 | 7), 7 << 1 | 1);
        // Held, a box stays that of its word.
        GLOBALS[3] = w2n_any_of_extern(heap, u64::MAX);
        for number in 0..3_000_000u64 {
            black_box(w2n_any_of_extern(heap, 3 << 62 | number));
        }
        assert_eq!(w2n_any_of_extern(heap, u64::MAX), GLOBALS[3]);
        // A cell that no object was made in yet is none.
        let next = (*heap).runs[2].next as u64;
        assert_ne!(w2n_any_of_extern(heap, next), next);
        // What a host passes may look like an address here.
        GLOBALS[4] = object + 8;
        GLOBALS[5] = object + 4096;
        GLOBALS[6] = next;
        (GLOBALS[2], GLOBALS[3]) = (0, 0);
        let handle = w2n_ref_new(heap, new(&TYPES.0[0], 16, 9) as u64);
        // Nor is such a cell one while objects are marked: its words are not looked at.
        let rest = (*heap).runs[2].next;
        assert!(rest < (*heap).runs[2].end, "a cell is left");
        *(rest as *mut u64) = 0x10;
        GLOBALS[7] = rest as u64;
        churn(20);
        assert_eq!(*((w2n_ref_get(heap, handle) + 8) as *const u64), 9);
        assert_eq!(w2n_ref_new(heap, 0), 0);
        assert_eq!(w2n_ref_get(heap, 0), 0);
        w2n_ref_drop(heap, 0);
        w2n_ref_drop(heap, handle);
        // Its place in the table is used again.
        let next = w2n_ref_new(heap, new(&TYPES.0[0], 16, 10) as u64);
        assert_eq!(*((w2n_ref_get(heap, next) + 8) as *const u64), 10);
        for wrong in [handle, next + 1, next ^ 1 << 40, 1, u64::MAX] {
            assert_eq!(code_of(wrong, get), CODE_HANDLE, "{wrong:#x}");
            assert_eq!(code_of(wrong, put_back), CODE_HANDLE, "{wrong:#x}");
        }
        w2n_ref_drop(heap, next);
        assert_eq!(code_of(next, get), CODE_HANDLE);
    }
    println!("host: as it was");
}

/// The code of the trap that a function ends with, given a handle; 0 if it does not.
fn code_of(handle: u64, function: extern "C" fn(*mut c_void)) -> i32 {
    unsafe { w2n_try(function, handle as *mut c_void, null_mut()) }
}

extern "C" fn get(handle: *mut c_void) {
    unsafe { w2n_ref_get(&raw mut HEAP, handle as u64) };
}

extern "C" fn put_back(handle: *mut c_void) {
    unsafe { w2n_ref_drop(&raw mut HEAP, handle as u64) };
}

extern "C" fn cast(data: *mut c_void) {
    unsafe {
        let reference = match data as usize {
            4 => new(&TYPES.0[0], 16, 7) as u64,
            5 => w2n_any_of_extern(&raw mut HEAP, u64::MAX),
            6 => w2n_any_of_extern(&raw mut HEAP, 8),
            number => number as u64,
        };
        match data as usize {
            4 => w2n_cast_failure(reference, &TYPES.0[1]),
            _ => w2n_cast_failure(reference, null::<TypeRecord>().with_addr(1)),
        }
    }
}

#[repr(C, align(8))]
struct Signature([u8; 8], *const Signature);
unsafe impl Sync for Signature {}

fn messages() {
    for number in [0, 3, 4, 5, 6] {
        println!("{}", trap(cast, number));
    }
    static FIRST: Signature = Signature(*b"i.i\0\0\0\0\0", null());
    static SECOND: Signature = Signature(*b"<a\0\0\0\0\0\0", &FIRST);
    static THIRD: Signature = Signature(*b"<bcdefg\0", &SECOND);
    let all = [&FIRST, &SECOND, &THIRD].map(|it| &raw const *it as *const u8);
    let matches = |a: usize, b: usize| unsafe { w2n_signature_matches(all[a], all[b]) };
    println!("signatures: {:?}", [matches(0, 0), matches(2, 0), matches(1, 0), matches(0, 1), matches(1, 2), matches(2, 2)]);
}

fn run() {
    match std::env::args().nth(1).as_deref() {
        Some("stress") => {
            graphs(20_000);
            interior(200);
        }
        _ => {
            graphs(1_000_000);
            interior(100_000);
            churn(2000);
            limits();
            host();
            messages();
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn main(argc: i32, argv: *const *const u8, envp: *const *const u8) -> i32 {
    extern "C" fn entry(_: *mut abi::value::Value) {
        run();
    }
    unsafe {
        let globals: Vec<_> = (0..N_GLOBALS).map(|number| &raw const GLOBALS[number] as *const usize).collect();
        let length = N_ENTRIES as u64;
        let table = Table { base: (&raw mut ENTRIES).cast(), length, maximum: length, entry_size: 8, capacity: length };
        let segment = Segment { base: (&raw const ELEMENTS).cast(), length };
        let (tables, segments) = ([&raw const table], [&raw const segment]);
        let image = Image {
            reference_globals: globals.as_ptr(),
            n_reference_globals: N_GLOBALS as u64,
            reference_tables: tables.as_ptr(),
            n_reference_tables: 1,
            reference_segments: segments.as_ptr(),
            n_reference_segments: 1,
            heap: &raw mut HEAP,
            ..zeroed()
        };
        let images = [&raw const image];
        let program = Program {
            version: VERSION,
            images: images.as_ptr(),
            n_images: 1,
            entry: Some(std::mem::transmute::<extern "C" fn(*mut abi::value::Value), unsafe extern "C" fn(*mut abi::value::Value)>(entry)),
            entry_name: c"main".as_ptr().cast(),
            ..zeroed()
        };
        w2n_main(argc, argv, envp, &program)
    }
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

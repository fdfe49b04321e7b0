;; Eight threads that use one memory, one table of descriptors and one file system in memory. What a
;; call reads or writes lies in the thread's own 8 KiB; only what is read and written atomically is
;; shared: 0 lock, 4 counter behind it, 8 threads that are done, 12 turns, 16 short threads.
(module
  (import "env" "memory" (memory 2 200 shared))
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber" (func $renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fdstat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get" (func $filestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory" (func $rmdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $stat (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (table $own 1 1000 funcref)

  (func $lock
    (loop $again
      (if (i32.eqz (i32.atomic.rmw.cmpxchg (i32.const 0) (i32.const 0) (i32.const 1))) (then (return)))
      (drop (memory.atomic.wait32 (i32.const 0) (i32.const 1) (i64.const -1)))
      (br $again)))
  (func $unlock
    (i32.atomic.store (i32.const 0) (i32.const 0))
    (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))
  ;; Counts up at an address, and wakes who waits there.
  (func $count (param $at i32)
    (drop (i32.atomic.rmw.add (local.get $at) (i32.const 1)))
    (drop (memory.atomic.notify (local.get $at) (i32.const -1))))
  (func $wait_for (param $at i32) (param $n i32) (local $seen i32)
    (loop $again
      (local.set $seen (i32.atomic.load (local.get $at)))
      (if (i32.lt_u (local.get $seen) (local.get $n))
        (then
          (drop (memory.atomic.wait32 (local.get $at) (local.get $seen) (i64.const -1)))
          (br $again)))))
  (func $expect (param $errno i32)
    (if (local.get $errno) (then (call $exit (local.get $errno)))))

  ;; The thread's place: 0 a piece, 8 a result, 12 a descriptor, 16 to 19 a name, 64 what is told of
  ;; files, 200 a subscription and 300 its event, 1000 bytes, 2048 strings.
  (func $prepare (param $at i32) (param $thread i32)
    (i32.store (local.get $at) (i32.add (local.get $at) (i32.const 1000)))
    (i32.store offset=4 (local.get $at) (i32.const 600))
    (i32.store8 offset=16 (local.get $at) (i32.const 102))
    (i32.store8 offset=17 (local.get $at) (i32.add (local.get $thread) (i32.const 48)))
    (i32.store8 offset=18 (local.get $at) (i32.const 103))
    (i32.store8 offset=19 (local.get $at) (i32.add (local.get $thread) (i32.const 48)))
    (i32.store offset=216 (local.get $at) (i32.const 1))
    (i64.store offset=224 (local.get $at) (i64.const 10000)))

  ;; A file of the thread's own in a directory that others write to.
  (func $own_file (param $at i32) (param $directory i32) (local $name i32) (local $to i32) (local $fd i32)
    (local.set $name (i32.add (local.get $at) (i32.const 16)))
    (local.set $to (i32.add (local.get $at) (i32.const 64)))
    (call $expect (call $open (local.get $directory) (i32.const 0) (local.get $name) (i32.const 2) (i32.const 9)
      (i64.const 0x20007e) (i64.const 0) (i32.const 0) (i32.add (local.get $at) (i32.const 12))))
    (local.set $fd (i32.load offset=12 (local.get $at)))
    (call $expect (call $write (local.get $fd) (local.get $at) (i32.const 1) (i32.add (local.get $at) (i32.const 8))))
    (call $expect (call $seek (local.get $fd) (i64.const 3) (i32.const 0) (local.get $to)))
    (call $expect (call $read (local.get $fd) (local.get $at) (i32.const 1) (i32.add (local.get $at) (i32.const 8))))
    (call $expect (call $fdstat (local.get $fd) (local.get $to)))
    (call $expect (call $filestat (local.get $fd) (local.get $to)))
    (call $expect (call $stat (local.get $directory) (i32.const 0) (local.get $name) (i32.const 2) (local.get $to)))
    (call $expect (call $close (local.get $fd)))
    (call $expect (call $mkdir (local.get $directory) (i32.add (local.get $at) (i32.const 18)) (i32.const 2)))
    (call $expect (call $readdir (local.get $directory) (i32.add (local.get $at) (i32.const 2048)) (i32.const 400)
      (i64.const 0) (i32.add (local.get $at) (i32.const 8))))
    (call $expect (call $rmdir (local.get $directory) (i32.add (local.get $at) (i32.const 18)) (i32.const 2)))
    (call $expect (call $rename (local.get $directory) (local.get $name) (i32.const 2)
      (local.get $directory) (i32.add (local.get $at) (i32.const 18)) (i32.const 2)))
    (call $expect (call $unlink (local.get $directory) (i32.add (local.get $at) (i32.const 18)) (i32.const 2))))

  ;; What each call has from its start, and time.
  (func $small_calls (param $at i32) (local $to i32)
    (local.set $to (i32.add (local.get $at) (i32.const 2048)))
    (call $expect (call $args (local.get $to) (i32.add (local.get $to) (i32.const 1024))))
    (call $expect (call $environ (local.get $to) (i32.add (local.get $to) (i32.const 1024))))
    (call $expect (call $clock (i32.const 1) (i64.const 0) (local.get $to)))
    (call $expect (call $random (local.get $to) (i32.const 40)))
    (call $expect (call $yield))
    (call $expect (call $poll (i32.add (local.get $at) (i32.const 200)) (i32.add (local.get $at) (i32.const 300))
      (i32.const 1) (i32.add (local.get $at) (i32.const 8)))))

  ;; The memory grows while others ask for its size, and what is new can be used.
  (func $memory (local $pages i32)
    (drop (memory.grow (i32.const 1)))
    (local.set $pages (memory.size))
    (drop (i32.atomic.rmw.add (i32.sub (i32.shl (local.get $pages) (i32.const 16)) (i32.const 4)) (i32.const 1)))
    (drop (table.grow $own (ref.null func) (i32.const 3))))

  ;; Threads meet at a lock, wait for a moment, and let others wait.
  (func $meet
    (call $lock)
    (i32.store (i32.const 4) (i32.add (i32.load (i32.const 4)) (i32.const 1)))
    (call $unlock)
    (drop (memory.atomic.wait32 (i32.const 12) (i32.atomic.load (i32.const 12)) (i64.const 20000)))
    (call $count (i32.const 12)))

  ;; Descriptors that all threads open, close, move, read and write: any of it may fail.
  (func $shared_descriptors (param $at i32) (param $n i32) (local $directory i32) (local $fd i32)
    (local.set $directory (i32.add (i32.const 3) (i32.and (local.get $n) (i32.const 1))))
    (drop (call $open (local.get $directory) (i32.const 0) (local.get $at) (i32.const 1) (i32.const 1)
      (i64.const 0x60007e) (i64.const 0) (i32.and (local.get $n) (i32.const 1)) (i32.add (local.get $at) (i32.const 12))))
    (local.set $fd (i32.add (i32.const 5) (i32.rem_u (local.get $n) (i32.const 5))))
    (drop (call $write (local.get $fd) (local.get $at) (i32.const 1) (i32.add (local.get $at) (i32.const 8))))
    (drop (call $seek (local.get $fd) (i64.const 0) (i32.const 0) (i32.add (local.get $at) (i32.const 64))))
    (drop (call $read (local.get $fd) (local.get $at) (i32.const 1) (i32.add (local.get $at) (i32.const 8))))
    (drop (call $size (local.get $fd) (i64.const 5000)))
    (drop (call $flags (local.get $fd) (i32.and (local.get $n) (i32.const 1))))
    (drop (call $fdstat (local.get $fd) (i32.add (local.get $at) (i32.const 64))))
    (drop (call $renumber (local.get $fd) (i32.add (local.get $fd) (i32.const 1))))
    (drop (call $close (i32.add (i32.const 5) (i32.rem_u (i32.mul (local.get $n) (i32.const 3)) (i32.const 5))))))

  (func (export "wasi_thread_start") (param i32) (param $thread i32) (local $at i32) (local $n i32)
    (if (i32.eqz (local.get $thread)) (then (call $count (i32.const 16)) (return)))
    (local.set $at (i32.shl (local.get $thread) (i32.const 13)))
    (call $prepare (local.get $at) (local.get $thread))
    (loop $next
      (call $own_file (local.get $at) (i32.add (i32.const 3) (i32.and (local.get $n) (i32.const 1))))
      (call $small_calls (local.get $at))
      (call $memory)
      (call $meet)
      (if (i32.le_s (call $spawn (i32.const 0)) (i32.const 0)) (then (call $exit (i32.const 100))))
      (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 20))))
    ;; All are done with descriptors of their own.
    (call $count (i32.const 8))
    (call $wait_for (i32.const 8) (i32.const 8))
    (i32.store8 (i32.add (local.get $at) (i32.const 16)) (i32.const 115))
    (loop $next
      (call $shared_descriptors (local.get $at) (i32.add (local.get $n) (local.get $thread)))
      (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 120))))
    (call $count (i32.const 8)))

  (func (export "_start") (local $n i32)
    (loop $next
      (if (i32.le_s (call $spawn (local.tee $n (i32.add (local.get $n) (i32.const 1)))) (i32.const 0))
        (then (call $exit (i32.const 101))))
      (br_if $next (i32.lt_u (local.get $n) (i32.const 8))))
    (call $wait_for (i32.const 8) (i32.const 16))
    (call $wait_for (i32.const 16) (i32.const 160))
    (if (i32.ne (i32.atomic.load (i32.const 4)) (i32.const 160)) (then (call $exit (i32.const 102))))))

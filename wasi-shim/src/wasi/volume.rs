//! `--tmp`: a directory in memory that belongs to the program alone, so that it is gone however the
//! program ends.
//!
//! [`state`] has the files by number, and counts what they take: contents by whole blocks, and
//! names, links and files with what they cost here. [`walk`] follows paths. [`directory`] and
//! [`file`] are what a descriptor stands for. One lock holds for all of a volume. The answers are
//! those of Linux; what would take more than the limit is `nospc`.

pub mod state;

pub mod walk;

pub mod file;

pub mod directory;

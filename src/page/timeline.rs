//! `--timings=FILE.html`: the stages of a build and the functions that each thread compiled, as a
//! time line.

use super::{Parts, page};
use serde::Serialize;

/// A stage, or a function that was compiled; times in milliseconds from the start.
#[derive(Clone, Debug, Serialize)]
pub struct Span {
    pub name: String,
    pub start: f64,
    pub end: f64,
}

/// What the page shows.
#[derive(Debug, Default, Serialize)]
pub struct Timeline {
    /// One after the other; of several inputs too.
    pub stages: Vec<Span>,
    /// Functions by thread.
    pub threads: Vec<Vec<Span>>,
    /// Of the whole command.
    pub total: f64,
}

/// The page for a build of what `title` names.
pub fn print(title: &str, timeline: &Timeline) -> String {
    #[derive(Serialize)]
    struct Data<'a> {
        title: &'a str,
        #[serde(flatten)]
        timeline: &'a Timeline,
    }
    let parts = Parts {
        title,
        style: include_str!("timeline.css"),
        body: include_str!("timeline.html"),
        script: include_str!("timeline.js"),
    };
    page(&parts, &Data { title, timeline })
}

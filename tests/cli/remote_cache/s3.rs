//! Buckets.

use super::bucket::Bucket;
use super::{Project, module};
use libtest_mimic::Trial;
use std::collections::BTreeSet;
use std::time::Duration;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["remote_cache":
        s3_has_packs,
        s3_objects_may_be_damaged,
        s3_may_refuse,
    ]
}

/// A project whose cache is in a bucket.
fn s3_project(bucket: &Bucket) -> Project {
    let mut project = Project::new("s3://bucket/pre/fix".to_owned());
    let variables = [
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", bucket.port)),
        ("AWS_ACCESS_KEY_ID", "name".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "Tr0ub4dor".to_owned()),
    ];
    project.variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
    project
}

fn s3_has_packs() {
    let bucket = Bucket::start();
    let project = s3_project(&bucket);
    assert_eq!(project.counts(&module(None)), (0, 30));
    assert_eq!(project.counts(&module(None)), (30, 0));
    for changed in 0..20 {
        assert!(project.counts(&module(Some(changed))).0 >= 28);
    }
    let names: BTreeSet<_> = bucket.objects().keys().cloned().collect();
    assert!(names.len() < 18, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("/bucket/pre/fix/m-")), "{names:?}");
}

fn s3_objects_may_be_damaged() {
    let bucket = Bucket::start();
    let project = s3_project(&bucket);
    project.counts(&module(None));
    let sound = bucket.objects().clone();
    for (name, contents) in &sound {
        let mut longer = contents.clone();
        longer.resize(100 << 20, 0);
        bucket.objects().insert(name.clone(), longer);
        assert_eq!(project.counts(&module(None)), (30, 0), "{name} is longer");
        let mut flipped = contents.clone();
        flipped[40] ^= 1;
        for damaged in [vec![], contents[..contents.len() / 2].to_vec(), flipped] {
            *bucket.objects() = sound.clone();
            bucket.objects().insert(name.clone(), damaged);
            let built = project.warns(&module(None), &["without the key"]);
            assert!(built.n_made > 0, "{name}");
            assert_eq!(project.counts(&module(None)), (30, 0), "{name}");
        }
        *bucket.objects() = sound.clone();
    }
}

fn s3_may_refuse() {
    let bucket = Bucket::start();
    let project = s3_project(&bucket);
    project.counts(&module(None));
    for (status, texts) in [
        ("403 Forbidden", &["PermissionDenied"][..]),
        ("503 Slow Down", &["s3://bucket/pre/fix"]),
        ("500 Internal Server Error", &["s3://bucket/pre/fix"]),
    ] {
        bucket.refuse(status);
        let built = project.warns(&module(None), texts);
        assert_eq!((built.n_found, built.n_made), (0, 30), "{status}");
        assert!(!built.warnings[0].contains("Tr0ub4dor"));
    }
    // A body without an end is not read to its end.
    bucket.refuse("");
    bucket.send_forever();
    let built = project.warns(&module(None), &["s3://bucket/pre/fix: "]);
    assert!(built.took < Duration::from_secs(10), "{:?}", built.took);
}

//! The checks of what becomes of a uid: cancelled, forgotten, signalled again, signalled too early.

use std::time::Duration;

use super::{
    Fault,
    bench::{Outcome, Rig, cancel_all, join_all},
    checks::{FAR, millis, run_error, sleeper},
};
use crate::{Domain, PromiseState, events, yield_now};

pub(super) async fn cancelled(rig: Rig) -> Outcome {
    rig.everywhere(|rig| async move {
        let asleep: Vec<_> = (0..50).map(|_| sleeper(&rig, FAR)).collect();
        rig.sleep(Duration::ZERO).await?;
        cancel_all(asleep).await;
        // Not begun.
        sleeper(&rig, FAR).cancel().await.unwrap();
        // About to end, or just ended.
        for after in [0, 0, 1, 1, 2] {
            let task = sleeper(&rig, millis(after));
            rig.sleep(millis(after)).await?;
            task.cancel().await.unwrap();
        }
        // Nobody waits for this one, which is cancelled as its parent ends.
        let last = sleeper(&rig, FAR);
        yield_now().await;
        drop(last);
        Ok(())
    })
    .await?;
    let far = rig.elsewhere(|rig| async move { rig.sleep(FAR).await });
    for domain in Domain::available() {
        rig.until_dry(domain).await;
    }
    cancel_all(far).await;
    // The run ends with this.
    let last = sleeper(&rig, FAR);
    yield_now().await;
    drop(last);
    Ok(())
}

pub(super) async fn forgotten(rig: Rig) -> Outcome {
    let log = rig.log.clone();
    rig.everywhere(|rig| async move {
        // So long that even a slow machine cancels them in time.
        let asleep: Vec<_> = (0..300).map(|_| sleeper(&rig, millis(200))).collect();
        yield_now().await;
        cancel_all(asleep).await;
        rig.sleep(millis(250)).await
    })
    .await?;
    match log.forgotten() {
        0 => Ok(()),
        count => Err(Fault::Forgets(count)),
    }
}

pub(super) async fn stale(rig: Rig) -> Outcome {
    rig.everywhere(|rig| async move {
        let far = sleeper(&rig, FAR);
        for _ in 0..5 {
            let doomed: Vec<_> = (0..5).map(|_| sleeper(&rig, FAR)).collect();
            yield_now().await;
            cancel_all(doomed).await;
            join_all((0..10).map(|n| sleeper(&rig, millis(n % 3))).collect()).await?;
        }
        if far.state() != PromiseState::Running {
            return Err(Fault::Early);
        }
        far.cancel().await.unwrap();
        Ok(())
    })
    .await
}

pub(super) async fn remembered(rig: Rig) -> Outcome {
    rig.everywhere(|rig| async move {
        let syscall = events::syscall().map_err(run_error)?;
        let uid = syscall.uid();
        rig.arrange(uid, Duration::ZERO)?;
        // What ends later has ended: so has this.
        rig.sleep(millis(20)).await?;
        let mut registered = false;
        let suspended = syscall.suspend(|_| {
            registered = true;
            Ok(())
        });
        suspended.await.map_err(Fault::Run)?;
        if registered {
            return Err(Fault::Scheduler("a suspension whose signal was there was registered"));
        }
        Ok(())
    })
    .await
}

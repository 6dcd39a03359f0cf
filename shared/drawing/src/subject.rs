//! The subjects of an image: what stands, floats or flies in the landscape.

mod air;
mod boat;
mod bridge;
mod castle;
mod cat;
mod flowers;
mod house;
mod kite;
mod lighthouse;
mod robot;
mod stand;
mod tree;
mod windmill;

use stand::Stand;

use crate::canvas::Canvas;
use crate::land::Ridge;
use crate::path::at;
use crate::scene::Scene;
use crate::words::Subject;

/// Paints what flies. It is painted before the water, which reflects it.
pub(super) fn in_the_air(canvas: &mut Canvas, scene: &Scene) {
    let mut flock = scene.plan.random.part("birds");
    let named = scene.plan.subjects.contains(&Subject::Birds);
    if named || (scene.palette.dark < 0.9 && flock.chance(0.55)) {
        air::birds(canvas, scene, named, &mut flock);
    }
    for subject in &scene.plan.subjects {
        match subject {
            Subject::Kite => kite::paint(canvas, scene),
            Subject::Balloon => air::balloons(canvas, scene),
            Subject::Lighthouse
            | Subject::House
            | Subject::Boat
            | Subject::Tree
            | Subject::Birds
            | Subject::Castle
            | Subject::Windmill
            | Subject::Cat
            | Subject::Moon
            | Subject::Sun
            | Subject::Flowers
            | Subject::Stars
            | Subject::Robot
            | Subject::Bridge => {}
        }
    }
}

/// Paints what spans the water at the horizon.
pub(super) fn across_the_water(canvas: &mut Canvas, scene: &Scene) {
    if scene.plan.subjects.contains(&Subject::Bridge) {
        bridge::paint(canvas, scene);
    }
}

/// Paints what floats.
pub(super) fn on_the_water(canvas: &mut Canvas, scene: &Scene) {
    if scene.plan.subjects.contains(&Subject::Boat) {
        boat::paint(canvas, scene);
    }
}

/// Paints what stands: the first subject is the largest and at the focus, the others are beside it.
pub(super) fn on_the_ground(canvas: &mut Canvas, scene: &Scene, ground: &Ridge) {
    let reach = scene.horizon.min(scene.width * 1.1);
    let inward = scene.light_side;
    for (index, subject) in scene.standing().enumerate() {
        let along = [0.0, 0.30, -0.14, 0.46][index.min(3)] * inward * scene.width.min(1.2);
        let (share, half) = measure(subject);
        let tall = reach * share * if index == 0 { 1.0 } else { 0.72 };
        // Wide subjects keep a distance from the edges, and shrink if the image is narrower than they are.
        let tall = tall.min(scene.width * 0.46 / half);
        let room = (half * tall + 0.03).min(scene.width * 0.5);
        let x = (scene.focus + along).clamp(room, scene.width - room);
        let foot = at(x, ground.at(x) + tall * 0.012);
        let stand = Stand { foot, tall, light_side: scene.light_side };
        if subject != Subject::Flowers {
            shadow(canvas, scene, &stand, half);
        }
        match subject {
            Subject::Lighthouse => lighthouse::paint(canvas, scene, &stand),
            Subject::House => house::paint(canvas, scene, &stand),
            Subject::Castle => castle::paint(canvas, scene, &stand),
            Subject::Windmill => windmill::paint(canvas, scene, &stand),
            Subject::Tree => tree::paint(canvas, scene, &stand),
            Subject::Cat => cat::paint(canvas, scene, &stand),
            Subject::Robot => robot::paint(canvas, scene, &stand),
            Subject::Flowers => flowers::paint(canvas, scene, ground),
            Subject::Boat
            | Subject::Kite
            | Subject::Birds
            | Subject::Balloon
            | Subject::Moon
            | Subject::Sun
            | Subject::Stars
            | Subject::Bridge => {}
        }
    }
}

/// The height of a subject as a share of the space above the horizon, and half its width as a share of its
/// height.
fn measure(subject: Subject) -> (f32, f32) {
    match subject {
        Subject::Lighthouse => (0.78, 0.16),
        Subject::Castle => (0.66, 0.52),
        Subject::Windmill => (0.62, 0.40),
        Subject::Tree => (0.66, 0.46),
        Subject::House => (0.34, 0.85),
        Subject::Robot => (0.52, 0.32),
        Subject::Cat => (0.50, 0.50),
        Subject::Flowers
        | Subject::Boat
        | Subject::Kite
        | Subject::Birds
        | Subject::Balloon
        | Subject::Moon
        | Subject::Sun
        | Subject::Stars
        | Subject::Bridge => (0.2, 0.5),
    }
}

/// Paints the shadow at the foot of a subject, which would otherwise seem to float.
fn shadow(canvas: &mut Canvas, scene: &Scene, stand: &Stand, half: f32) {
    let dark = scene.palette.near.light();
    let (across, up) = (half * 1.15, 0.035);
    let middle = stand.at(half * 0.25, 0.0);
    canvas.glaze(&stand.ellipse(half * 0.25, 0.0, across, up), |place| {
        let away = place - middle;
        let (x, y) = (away.x / (across * stand.tall), away.y / (up * stand.tall));
        (dark, 0.55 * (1.0 - x * x - y * y).max(0.0))
    });
}

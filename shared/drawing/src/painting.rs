//! Paints a landscape, from the back to the front.

use crate::canvas::Canvas;
use crate::scene::Scene;
use crate::words::Time;
use crate::{land, rain, sky, subject, water};

pub(super) fn paint(canvas: &mut Canvas, scene: &Scene) {
    sky::paint(canvas, scene);
    land::distance(canvas, scene);
    subject::in_the_air(canvas, scene);
    if scene.has_water() {
        subject::across_the_water(canvas, scene);
        water::paint(canvas, scene);
        subject::on_the_water(canvas, scene);
    }
    let ground = land::foreground(canvas, scene);
    subject::on_the_ground(canvas, scene, &ground);
    land::at_our_feet(canvas, scene);
    if scene.plan.time == Time::Storm {
        rain::paint(canvas, scene);
    }
}

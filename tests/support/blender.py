"""Run by a Python that has Blender's `bpy`: import a file, and print its bones and skin at some frames as JSON.

    python blender.py FILE FPS FRAME [FRAME ...]

Positions are metres in Blender's world, z up.
"""

from __future__ import annotations

import json
import sys


def main(path: str, fps: str, *frames: str) -> None:
    """Import and print."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = int(fps)
    if path.endswith(".bvh"):
        bpy.ops.import_anim.bvh(filepath=path, global_scale=0.01, rotate_mode="NATIVE", update_scene_fps=False)
    else:
        bpy.ops.import_scene.gltf(filepath=path, bone_heuristic="BLENDER", disable_bone_shape=True)
    found = []
    for frame in map(float, frames):
        # BVH's first frame is Blender's 1, glTF's time 0 is Blender's 0
        at = frame + 1 if path.endswith(".bvh") else frame
        bpy.context.scene.frame_set(int(at // 1), subframe=at % 1)
        graph = bpy.context.evaluated_depsgraph_get()
        bones, lowest = {}, {}
        for item in bpy.context.scene.objects:
            if item.type == "ARMATURE":
                posed = item.evaluated_get(graph)
                for bone in posed.pose.bones:
                    matrix = posed.matrix_world @ bone.matrix
                    bones[f"{item.name}/{bone.name}"] = {
                        "at": list(matrix.translation),
                        "turn": [list(row) for row in matrix.to_3x3().normalized()],
                    }
            elif item.type == "MESH":
                mesh = item.evaluated_get(graph)
                vertices = [mesh.matrix_world @ vertex.co for vertex in mesh.to_mesh().vertices]
                lowest[item.name] = min(vertex[2] for vertex in vertices)
        found.append({"bones": bones, "lowest": lowest})
    actions = len(bpy.data.actions)
    print("RESULT " + json.dumps({"frames": found, "actions": actions}))


if __name__ == "__main__":
    main(*sys.argv[1:])

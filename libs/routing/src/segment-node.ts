import { MethodTable, type Candidate } from './method-table.js';

/** A node of the trie over path segments: one for templates, one for prefixes per host. */
export class SegmentNode {
  literals: Map<string, SegmentNode> | undefined;
  /** Where `{name}` leads. */
  parameter: SegmentNode | undefined;
  /** Candidates for a path that ends here. */
  end: MethodTable | undefined;
  /** Candidates for a path that goes on: a final `{name...}`, or a prefix. */
  subtree: MethodTable | undefined;

  /** The node below, made where it is missing; null is a parameter. */
  descend(segments: readonly (string | null)[]): SegmentNode {
    return segments.reduce<SegmentNode>((node, segment) => (segment === null ? node.#parameterNode() : node.#literalNode(segment)), this);
  }

  addAt(place: 'end' | 'subtree', candidate: Candidate): void {
    const table = this[place] ?? new MethodTable();
    this[place] = table;
    table.add(candidate);
  }

  #parameterNode(): SegmentNode {
    this.parameter ??= new SegmentNode();
    return this.parameter;
  }

  #literalNode(segment: string): SegmentNode {
    this.literals ??= new Map();
    const known = this.literals.get(segment);
    if (known !== undefined) return known;
    const made = new SegmentNode();
    this.literals.set(segment, made);
    return made;
  }
}

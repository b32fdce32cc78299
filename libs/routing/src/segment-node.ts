import { MethodTable, type Candidate } from './method-table.js';

/** A node of the trie over path segments: one for templates, one for prefixes per host. */
export class SegmentNode {
  /** Where `{name}` leads. */
  parameter: SegmentNode | undefined;
  /** Candidates for a path that ends here. */
  end: MethodTable | undefined;
  /** Candidates for a path that goes on: a final `{name...}`, or a prefix. */
  subtree: MethodTable | undefined;
  /** Most nodes have one literal child at most: it needs no map. */
  #firstSegment: string | undefined;
  #firstChild: SegmentNode | undefined;
  #otherChildren: Map<string, SegmentNode> | undefined;

  get hasLiterals(): boolean {
    return this.#firstChild !== undefined;
  }

  /** Where a literal segment leads. */
  literal(segment: string): SegmentNode | undefined {
    return segment === this.#firstSegment ? this.#firstChild : this.#otherChildren?.get(segment);
  }

  /** The node below, made where it is missing; null is a parameter. */
  descend(segments: readonly (string | null)[]): SegmentNode {
    return segments.reduce<SegmentNode>(
      (node, segment) => (segment === null ? node.#parameterNode() : node.#literalNode(segment)),
      this,
    );
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
    const known = this.literal(segment);
    if (known !== undefined) return known;
    const made = new SegmentNode();
    if (this.#firstChild === undefined) {
      this.#firstSegment = segment;
      this.#firstChild = made;
    } else {
      this.#otherChildren ??= new Map();
      this.#otherChildren.set(segment, made);
    }
    return made;
  }
}

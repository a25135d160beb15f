import { render } from 'preact';
import '@vscode/codicons/dist/codicon.css';
import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/tree.css';
import './styles/detail.css';
import { followTheme } from './charts/theme';
import { reportErrors } from './host';
import { followActivation, followSelection } from './state/detail';
import { followQuery } from './state/rows';
import { start } from './state/store';
import { App } from './views/App';
import { SideView } from './views/SideView';

reportErrors();
followTheme();
start();
followSelection();
const side = document.body.dataset.view === 'side';
if (!side) {
  followQuery();
  followActivation();
}
const root = document.getElementById('root');
if (root !== null) render(side ? <SideView /> : <App />, root);
